//! Who may do what, and which scopes depend on it.

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::{
    AuthorityChange, AuthorityQuery, AuthorityRows, ConnectionId, ConnectionRow, GateRow, GrantKey,
    GrantRow, PrerequisiteName, PrerequisiteRow, RoleName, RoleRow, TenantId, TenantRow, Timestamp,
    UserId, UserRow, WorkspaceId, WorkspaceRow,
};

/// A workspace, or one tenant in it.
pub(crate) type Within = (WorkspaceId, Option<TenantId>);

/// The facts, each under the id that it is replaced by.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) roles: BTreeMap<RoleName, RoleRow>,
    pub(crate) workspaces: BTreeMap<WorkspaceId, WorkspaceRow>,
    pub(crate) tenants: BTreeMap<TenantId, TenantRow>,
    pub(crate) users: BTreeMap<UserId, UserRow>,
    pub(crate) grants: BTreeMap<GrantKey, Option<Timestamp>>,
    pub(crate) connections: BTreeMap<ConnectionId, ConnectionRow>,
    pub(crate) gates: BTreeMap<Within, GateRow>,
    pub(crate) prerequisites: BTreeMap<(Within, PrerequisiteName), bool>,
}

impl Facts {
    /// Applies a change and answers with the scopes that it touches: those that depended on its
    /// subjects before, and those that do so now.
    pub(crate) fn apply(&mut self, change: &AuthorityChange) -> BTreeSet<WorkspaceId> {
        let mut touched = self.dependents(change);
        self.write(change.clone());
        touched.extend(self.dependents(change));
        touched
    }

    fn dependents(&self, change: &AuthorityChange) -> BTreeSet<WorkspaceId> {
        match change {
            AuthorityChange::SetWorkspace { workspace, .. }
            | AuthorityChange::Grant { workspace, .. }
            | AuthorityChange::Revoke { workspace, .. }
            | AuthorityChange::SetWriteGate { workspace, .. }
            | AuthorityChange::SetPrerequisite { workspace, .. } => [workspace.clone()].into(),
            AuthorityChange::DefineRole { role, .. } => self.granted(|grant| grant.role == *role),
            AuthorityChange::SetUser { user, .. } | AuthorityChange::RemoveUser { user } => {
                self.granted(|grant| grant.user == *user)
            }
            AuthorityChange::SetTenant { tenant, .. } => self.home_of(tenant).into_iter().collect(),
            AuthorityChange::SetConnection { connection, .. } => self
                .connections
                .get(connection)
                .and_then(|connection| self.home_of(&connection.tenant_id))
                .into_iter()
                .collect(),
        }
    }

    fn granted(&self, of: impl Fn(&GrantKey) -> bool) -> BTreeSet<WorkspaceId> {
        let granted = self.grants.keys().filter(|grant| of(grant));
        granted.map(|grant| grant.workspace.clone()).collect()
    }

    fn home_of(&self, tenant: &TenantId) -> Option<WorkspaceId> {
        self.tenants.get(tenant).map(|row| row.workspace_id.clone())
    }

    fn write(&mut self, change: AuthorityChange) {
        match change {
            AuthorityChange::DefineRole {
                role,
                capabilities,
                all_tenants,
            } => {
                let row = RoleRow {
                    capabilities,
                    all_tenants,
                };
                self.roles.insert(role, row);
            }
            AuthorityChange::SetWorkspace { workspace, active } => {
                self.workspaces.insert(workspace, WorkspaceRow { active });
            }
            AuthorityChange::SetTenant {
                tenant,
                workspace: workspace_id,
                lifecycle,
            } => {
                let row = TenantRow {
                    workspace_id,
                    lifecycle,
                };
                self.tenants.insert(tenant, row);
            }
            AuthorityChange::SetUser { user, active } => {
                self.users.insert(user, UserRow { active });
            }
            AuthorityChange::RemoveUser { user } => {
                self.users.remove(&user);
                self.grants.retain(|grant, _| grant.user != user);
            }
            AuthorityChange::Grant {
                user,
                workspace,
                tenant,
                role,
                expires_at,
            } => {
                // An unknown user is made, active; a disabled one stays disabled.
                let unknown = UserRow { active: true };
                self.users.entry(user.clone()).or_insert(unknown);
                let key = GrantKey {
                    user,
                    workspace,
                    tenant,
                    role,
                };
                self.grants.insert(key, expires_at);
            }
            AuthorityChange::Revoke {
                user,
                workspace,
                tenant,
                role,
            } => {
                self.grants.remove(&GrantKey {
                    user,
                    workspace,
                    tenant,
                    role,
                });
            }
            AuthorityChange::SetConnection {
                connection,
                tenant: tenant_id,
                enabled,
            } => {
                let row = ConnectionRow { tenant_id, enabled };
                self.connections.insert(connection, row);
            }
            AuthorityChange::SetWriteGate {
                workspace,
                tenant,
                open,
                reason,
            } => {
                let row = GateRow { open, reason };
                self.gates.insert((workspace, tenant), row);
            }
            AuthorityChange::SetPrerequisite {
                workspace,
                tenant,
                name,
                met,
            } => {
                self.prerequisites.insert(((workspace, tenant), name), met);
            }
        }
    }

    /// The rows of one query: they are selected here, and judged in the domain.
    pub(crate) fn rows(&self, query: &AuthorityQuery) -> AuthorityRows {
        let workspace = &query.workspace_id;
        let concerned = |tenant: &Option<TenantId>| {
            tenant.is_none() || tenant.as_ref() == Some(&query.tenant_id)
        };
        let mut rows = AuthorityRows {
            workspace: self.workspaces.get(workspace).cloned(),
            tenant: self.tenants.get(&query.tenant_id).cloned(),
            workspace_gate: self.gates.get(&(workspace.clone(), None)).cloned(),
            tenant_gate: self
                .gates
                .get(&(workspace.clone(), Some(query.tenant_id.clone())))
                .cloned(),
            ..AuthorityRows::default()
        };
        if let Some(connection) = &query.provider_connection_id {
            rows.connection = self.connections.get(connection).cloned();
        }
        if let Some(user) = &query.initiator {
            rows.user = self.users.get(user).cloned();
            for (grant, expires_at) in &self.grants {
                if grant.user == *user && grant.workspace == *workspace && concerned(&grant.tenant)
                {
                    rows.grants.push(GrantRow {
                        tenant_id: grant.tenant.clone(),
                        role: grant.role.clone(),
                        expires_at: *expires_at,
                    });
                    let role = self.roles.get_key_value(&grant.role);
                    rows.roles
                        .extend(role.map(|(name, row)| (name.clone(), row.clone())));
                }
            }
        }
        for (((of, tenant), name), met) in &self.prerequisites {
            if of == workspace && concerned(tenant) {
                rows.prerequisites.push(PrerequisiteRow {
                    tenant_id: tenant.clone(),
                    name: name.clone(),
                    met: *met,
                });
            }
        }
        rows
    }
}
