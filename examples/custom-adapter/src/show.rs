//! The authority of a workspace, told as the changes that would make it.

use std::collections::BTreeSet;

use countersign_domain::{AuthorityChange, TenantId, UserId};
use countersign_ports::ShowQuery;

use super::state::State;

impl State {
    /// Roles, workspace, tenants, users, grants, connections, gates, prerequisites; each by id, as the
    /// maps have them.
    pub(crate) fn show(&self, query: &ShowQuery) -> Vec<AuthorityChange> {
        let facts = &self.facts;
        let workspace = &query.workspace_id;
        let of_tenant = |tenant: &TenantId| query.tenant_id.as_ref().is_none_or(|id| id == tenant);
        let within = |tenant: &Option<TenantId>| tenant.as_ref().is_none_or(of_tenant);
        let of_user = |user: &UserId| query.user_id.as_ref().is_none_or(|id| id == user);

        let grants: Vec<_> = facts
            .grants
            .iter()
            .filter(|(grant, _)| {
                grant.workspace == *workspace && within(&grant.tenant) && of_user(&grant.user)
            })
            .collect();
        let roles: BTreeSet<_> = grants.iter().map(|(grant, _)| &grant.role).collect();
        let users: BTreeSet<_> = grants.iter().map(|(grant, _)| &grant.user).collect();
        let tenants: BTreeSet<_> = facts
            .tenants
            .iter()
            .filter(|(tenant, row)| row.workspace_id == *workspace && of_tenant(tenant))
            .map(|(tenant, _)| tenant)
            .collect();

        let mut shown = Vec::new();
        shown.extend(roles.into_iter().filter_map(|role| {
            facts
                .roles
                .get(role)
                .map(|row| AuthorityChange::DefineRole {
                    role: role.clone(),
                    capabilities: row.capabilities.clone(),
                    all_tenants: row.all_tenants,
                })
        }));
        shown.extend(
            facts
                .workspaces
                .get(workspace)
                .map(|row| AuthorityChange::SetWorkspace {
                    workspace: workspace.clone(),
                    active: row.active,
                }),
        );
        shown.extend(tenants.iter().filter_map(|&tenant| {
            facts
                .tenants
                .get(tenant)
                .map(|row| AuthorityChange::SetTenant {
                    tenant: tenant.clone(),
                    workspace: workspace.clone(),
                    lifecycle: row.lifecycle,
                })
        }));
        shown.extend(users.into_iter().filter_map(|user| {
            facts.users.get(user).map(|row| AuthorityChange::SetUser {
                user: user.clone(),
                active: row.active,
            })
        }));
        shown.extend(
            grants
                .into_iter()
                .map(|(grant, expires_at)| AuthorityChange::Grant {
                    user: grant.user.clone(),
                    workspace: workspace.clone(),
                    tenant: grant.tenant.clone(),
                    role: grant.role.clone(),
                    expires_at: *expires_at,
                }),
        );
        shown.extend(
            facts
                .connections
                .iter()
                .filter(|(_, row)| tenants.contains(&row.tenant_id))
                .map(|(connection, row)| AuthorityChange::SetConnection {
                    connection: connection.clone(),
                    tenant: row.tenant_id.clone(),
                    enabled: row.enabled,
                }),
        );
        shown.extend(
            facts
                .gates
                .iter()
                .filter(|((of, tenant), _)| of == workspace && within(tenant))
                .map(|((_, tenant), row)| AuthorityChange::SetWriteGate {
                    workspace: workspace.clone(),
                    tenant: tenant.clone(),
                    open: row.open,
                    reason: row.reason.clone(),
                }),
        );
        shown.extend(
            facts
                .prerequisites
                .iter()
                .filter(|(((of, tenant), _), _)| of == workspace && within(tenant))
                .map(
                    |(((_, tenant), name), met)| AuthorityChange::SetPrerequisite {
                        workspace: workspace.clone(),
                        tenant: tenant.clone(),
                        name: name.clone(),
                        met: *met,
                    },
                ),
        );
        shown
    }
}
