//! The meaning of [`AuthorityChange`], in memory: what `simulate`, the conformance oracle and
//! explanations share with every store.

use std::collections::BTreeMap;

use crate::{
    AuthorityChange, AuthorityQuery, AuthorityRows, ConnectionId, ConnectionRow, GateRow, GrantRow,
    PrerequisiteName, PrerequisiteRow, RoleName, RoleRow, TenantId, TenantRow, Timestamp, UserId,
    UserRow, WorkspaceId, WorkspaceRow,
};

/// What identifies a grant. Granting the same again replaces its expiry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantKey {
    /// The user.
    pub user: UserId,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The tenant, if it is a grant on one.
    pub tenant: Option<TenantId>,
    /// The role.
    pub role: RoleName,
}

/// All the authority there is, as a value: the reference that every store is held against.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthorityState {
    roles: BTreeMap<RoleName, RoleRow>,
    workspaces: BTreeMap<WorkspaceId, WorkspaceRow>,
    tenants: BTreeMap<TenantId, TenantRow>,
    users: BTreeMap<UserId, UserRow>,
    grants: BTreeMap<GrantKey, Option<Timestamp>>,
    connections: BTreeMap<ConnectionId, ConnectionRow>,
    gates: BTreeMap<(WorkspaceId, Option<TenantId>), GateRow>,
    prerequisites: BTreeMap<(WorkspaceId, Option<TenantId>, PrerequisiteName), bool>,
}

impl AuthorityState {
    /// The state that consists of the rows of one query and nothing else.
    #[must_use]
    pub fn of_rows(query: &AuthorityQuery, rows: &AuthorityRows) -> Self {
        let workspace = &query.workspace_id;
        let mut state = Self {
            roles: rows.roles.clone(),
            ..Self::default()
        };
        state.workspaces.extend(
            rows.workspace
                .iter()
                .map(|row| (workspace.clone(), row.clone())),
        );
        state.tenants.extend(
            rows.tenant
                .iter()
                .map(|row| (query.tenant_id.clone(), row.clone())),
        );
        state
            .users
            .extend(query.initiator.clone().zip(rows.user.clone()));
        state.connections.extend(
            query
                .provider_connection_id
                .clone()
                .zip(rows.connection.clone()),
        );
        state.grants.extend(query.initiator.iter().flat_map(|user| {
            rows.grants.iter().map(|grant| {
                let key = GrantKey {
                    user: user.clone(),
                    workspace: workspace.clone(),
                    tenant: grant.tenant_id.clone(),
                    role: grant.role.clone(),
                };
                (key, grant.expires_at)
            })
        }));
        let tenant_gate = rows
            .tenant_gate
            .iter()
            .map(|gate| (Some(query.tenant_id.clone()), gate));
        let workspace_gate = rows.workspace_gate.iter().map(|gate| (None, gate));
        state.gates.extend(
            workspace_gate
                .chain(tenant_gate)
                .map(|(tenant, gate)| ((workspace.clone(), tenant), gate.clone())),
        );
        state
            .prerequisites
            .extend(rows.prerequisites.iter().map(|row| {
                (
                    (workspace.clone(), row.tenant_id.clone(), row.name.clone()),
                    row.met,
                )
            }));
        state
    }

    /// Applies one change.
    pub fn apply(&mut self, change: &AuthorityChange) {
        match change.clone() {
            AuthorityChange::DefineRole {
                role,
                capabilities,
                all_tenants,
            } => {
                self.roles.insert(
                    role,
                    RoleRow {
                        capabilities,
                        all_tenants,
                    },
                );
            }
            AuthorityChange::SetWorkspace { workspace, active } => {
                self.workspaces.insert(workspace, WorkspaceRow { active });
            }
            AuthorityChange::SetTenant {
                tenant,
                workspace,
                lifecycle,
            } => {
                self.tenants.insert(
                    tenant,
                    TenantRow {
                        workspace_id: workspace,
                        lifecycle,
                    },
                );
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
                self.users
                    .entry(user.clone())
                    .or_insert(UserRow { active: true });
                self.grants.insert(
                    GrantKey {
                        user,
                        workspace,
                        tenant,
                        role,
                    },
                    expires_at,
                );
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
                tenant,
                enabled,
            } => {
                self.connections.insert(
                    connection,
                    ConnectionRow {
                        tenant_id: tenant,
                        enabled,
                    },
                );
            }
            AuthorityChange::SetWriteGate {
                workspace,
                tenant,
                open,
                reason,
            } => {
                self.gates
                    .insert((workspace, tenant), GateRow { open, reason });
            }
            AuthorityChange::SetPrerequisite {
                workspace,
                tenant,
                name,
                met,
            } => {
                self.prerequisites.insert((workspace, tenant, name), met);
            }
        }
    }

    /// The rows that a store with this state selects for a query.
    #[must_use]
    pub fn rows(&self, query: &AuthorityQuery) -> AuthorityRows {
        let concerns =
            |tenant: &Option<TenantId>| tenant.as_ref().is_none_or(|t| *t == query.tenant_id);
        let grants: Vec<GrantRow> = self
            .grants
            .iter()
            .filter(|(key, _)| {
                Some(&key.user) == query.initiator.as_ref()
                    && key.workspace == query.workspace_id
                    && concerns(&key.tenant)
            })
            .map(|(key, expires_at)| GrantRow {
                tenant_id: key.tenant.clone(),
                role: key.role.clone(),
                expires_at: *expires_at,
            })
            .collect();
        let gate = |tenant: Option<TenantId>| {
            self.gates
                .get(&(query.workspace_id.clone(), tenant))
                .cloned()
        };
        AuthorityRows {
            workspace: self.workspaces.get(&query.workspace_id).cloned(),
            user: query
                .initiator
                .as_ref()
                .and_then(|user| self.users.get(user).cloned()),
            tenant: self.tenants.get(&query.tenant_id).cloned(),
            connection: query
                .provider_connection_id
                .as_ref()
                .and_then(|connection| self.connections.get(connection).cloned()),
            roles: grants
                .iter()
                .filter_map(|grant| {
                    self.roles
                        .get(&grant.role)
                        .map(|role| (grant.role.clone(), role.clone()))
                })
                .collect(),
            grants,
            workspace_gate: gate(None),
            tenant_gate: gate(Some(query.tenant_id.clone())),
            prerequisites: self
                .prerequisites
                .iter()
                .filter(|((workspace, tenant, _), _)| {
                    *workspace == query.workspace_id && concerns(tenant)
                })
                .map(|((_, tenant, name), met)| PrerequisiteRow {
                    tenant_id: tenant.clone(),
                    name: name.clone(),
                    met: *met,
                })
                .collect(),
        }
    }
}
