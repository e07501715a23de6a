//! The reference for authority: what holds, which scopes a change touches, and how often each was touched.

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::{
    AuthorityChange, AuthorityQuery, AuthorityState, ConnectionId, Decision, ExecutionContext,
    GrantKey, TenantId, Timestamp, WorkspaceId, decide, resolve,
};
use countersign_ports::Fence;

/// All the authority there is, and who depends on what.
#[derive(Debug, Default)]
pub(super) struct Authority {
    state: AuthorityState,
    tenants: BTreeMap<TenantId, WorkspaceId>,
    connections: BTreeMap<ConnectionId, TenantId>,
    grants: BTreeSet<GrantKey>,
    touched: BTreeMap<WorkspaceId, u64>,
}

/// How often each scope of a fence had been touched when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marks(Vec<(WorkspaceId, u64)>);

impl Authority {
    /// Applies a change, and tells the scopes that it touches, in the words of the contract: the workspace that
    /// it names; for a user and a role those where there are grants; for a tenant and a connection the old and
    /// the new one.
    pub(super) fn apply(&mut self, change: &AuthorityChange) -> BTreeSet<WorkspaceId> {
        self.state.apply(change);
        let touched = self.touches(change.clone());
        for workspace in &touched {
            *self.touched.entry(workspace.clone()).or_default() += 1;
        }
        touched
    }

    fn touches(&mut self, change: AuthorityChange) -> BTreeSet<WorkspaceId> {
        match change {
            AuthorityChange::SetWorkspace { workspace, .. }
            | AuthorityChange::SetWriteGate { workspace, .. }
            | AuthorityChange::SetPrerequisite { workspace, .. } => [workspace].into(),
            AuthorityChange::DefineRole { role, .. } => self.granted(|grant| grant.role == role),
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
                let touched = [workspace.clone()].into();
                self.grants.insert(GrantKey {
                    user,
                    workspace,
                    tenant,
                    role,
                });
                touched
            }
            AuthorityChange::Revoke {
                user,
                workspace,
                tenant,
                role,
            } => {
                let touched = [workspace.clone()].into();
                self.grants.remove(&GrantKey {
                    user,
                    workspace,
                    tenant,
                    role,
                });
                touched
            }
            AuthorityChange::SetTenant {
                tenant, workspace, ..
            } => {
                let old = self.tenants.insert(tenant, workspace.clone());
                old.into_iter().chain([workspace]).collect()
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

    /// What the gate has to say at that time.
    pub(super) fn decide(&self, context: &ExecutionContext, as_of: Timestamp) -> Decision {
        let query = context.query();
        decide(context, &resolve(&query, &self.state.rows(&query), as_of))
    }

    /// How often the scopes of a fence have been touched by now.
    pub(super) fn marks(&self, fence: &Fence) -> Marks {
        let scopes = fence.scopes.iter().map(|scope| {
            let times = self.touched.get(&scope.workspace).copied();
            (scope.workspace.clone(), times.unwrap_or_default())
        });
        Marks(scopes.collect())
    }

    /// Whether the facts of the query are the workspace's own: then the reason of a deny is exact, too.
    pub(super) fn belongs(&self, query: &AuthorityQuery) -> bool {
        let tenant = self.tenants.get(&query.tenant_id) == Some(&query.workspace_id);
        let connection = query
            .provider_connection_id
            .as_ref()
            .is_none_or(|connection| self.connections.get(connection) == Some(&query.tenant_id));
        let user = query.initiator.as_ref().is_none_or(|user| {
            let mut grants = self.grants.iter();
            grants.any(|grant| grant.user == *user && grant.workspace == query.workspace_id)
        });
        tenant && connection && user
    }
}
