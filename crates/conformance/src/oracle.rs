//! Which scopes each change touches, told in the words of the contract: what `raised` is held against.

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::{
    AuthorityChange, AuthorityQuery, AuthorityRows, AuthorityState, ConnectionId, GrantKey,
    TenantId, Timestamp, UserId, WorkspaceId,
};

/// The reference for facts, and beside it what the reference does not tell: who depends on what.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    state: AuthorityState,
    tenants: BTreeMap<TenantId, WorkspaceId>,
    connections: BTreeMap<ConnectionId, TenantId>,
    grants: BTreeSet<GrantKey>,
}

impl Oracle {
    /// Applies a change, and tells the scopes that it touches.
    pub(crate) fn apply(&mut self, change: &AuthorityChange) -> BTreeSet<WorkspaceId> {
        self.state.apply(change);
        match change.clone() {
            AuthorityChange::DefineRole { role, .. } => self.granted(|grant| grant.role == role),
            AuthorityChange::SetWorkspace { workspace, .. }
            | AuthorityChange::SetWriteGate { workspace, .. }
            | AuthorityChange::SetPrerequisite { workspace, .. } => [workspace].into(),
            AuthorityChange::SetTenant {
                tenant, workspace, ..
            } => {
                let old = self.tenants.insert(tenant, workspace.clone());
                old.into_iter().chain([workspace]).collect()
            }
            AuthorityChange::SetUser { user, .. } => self.granted(|grant| grant.user == user),
            AuthorityChange::RemoveUser { user } => {
                let touched = self.granted(|grant| grant.user == user);
                self.grants.retain(|grant| grant.user != user);
                touched
            }
            AuthorityChange::Grant {
                user,
                workspace,
                tenant,
                role,
                ..
            } => {
                self.grants.insert(GrantKey {
                    user,
                    workspace: workspace.clone(),
                    tenant,
                    role,
                });
                [workspace].into()
            }
            AuthorityChange::Revoke {
                user,
                workspace,
                tenant,
                role,
            } => {
                self.grants.remove(&GrantKey {
                    user,
                    workspace: workspace.clone(),
                    tenant,
                    role,
                });
                [workspace].into()
            }
            AuthorityChange::SetConnection {
                connection, tenant, ..
            } => {
                let old = self.connections.insert(connection, tenant.clone());
                let tenants = old.into_iter().chain([tenant]);
                tenants
                    .filter_map(|tenant| self.tenants.get(&tenant).cloned())
                    .collect()
            }
        }
    }

    fn granted(&self, of: impl Fn(&GrantKey) -> bool) -> BTreeSet<WorkspaceId> {
        let granted = self.grants.iter().filter(|grant| of(grant));
        granted.map(|grant| grant.workspace.clone()).collect()
    }

    /// The rows that a store selects for a query, but for grants that have ended.
    pub(crate) fn rows(&self, query: &AuthorityQuery, as_of: Timestamp) -> AuthorityRows {
        comparable(self.state.rows(query), as_of)
    }

    /// Whether the facts of the query are the workspace's own: its tenant, a connection of that
    /// tenant, and a user with grants in the workspace or on the tenant.
    pub(crate) fn belongs(&self, query: &AuthorityQuery) -> bool {
        let tenant = self.tenants.get(&query.tenant_id) == Some(&query.workspace_id);
        let connection = query
            .provider_connection_id
            .as_ref()
            .is_none_or(|connection| self.connections.get(connection) == Some(&query.tenant_id));
        let known = |user: &UserId| {
            self.grants.iter().any(|grant| {
                grant.user == *user
                    && grant.workspace == query.workspace_id
                    && grant
                        .tenant
                        .as_ref()
                        .is_none_or(|id| *id == query.tenant_id)
            })
        };
        tenant && connection && query.initiator.as_ref().is_none_or(known)
    }
}

/// Rows in one order, without grants that have ended: a store may still have those, or no longer.
pub(crate) fn comparable(mut rows: AuthorityRows, as_of: Timestamp) -> AuthorityRows {
    rows.grants
        .retain(|grant| grant.expires_at.is_none_or(|end| as_of < end));
    rows.grants
        .sort_by(|a, b| (&a.tenant_id, &a.role).cmp(&(&b.tenant_id, &b.role)));
    rows.prerequisites
        .sort_by(|a, b| (&a.tenant_id, &a.name).cmp(&(&b.tenant_id, &b.name)));
    let granted: BTreeSet<_> = rows.grants.iter().map(|grant| grant.role.clone()).collect();
    rows.roles.retain(|role, _| granted.contains(role));
    rows
}
