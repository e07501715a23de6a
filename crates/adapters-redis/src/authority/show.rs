//! The facts of a workspace, told as the changes that would make them.

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::{
    AuthorityChange, ConnectionId, GrantRow, PrerequisiteRow, RoleName, TenantId, UserId,
};
use countersign_ports::{PortResult, ShowQuery};

use super::RedisAuthority;
use super::facts::Facts;
use crate::rows::Columns;
use crate::script::Call;

const OPERATION: &str = "show";

const FACTS: Facts = Facts {
    operation: OPERATION,
};

pub(super) async fn show(
    authority: &RedisAuthority,
    query: &ShowQuery,
) -> PortResult<Vec<AuthorityChange>> {
    let slice = authority
        .shared
        .keys()
        .workspace(&query.workspace_id)
        .slice();
    let call = Call::command("HGETALL", slice);
    let answer = authority.shared.link().call(OPERATION, call).await?;
    let mut columns = Columns::of(answer, OPERATION)?;
    let mut slice = Slice::default();
    while columns.left() > 0 {
        let field = columns.text("field of a slice")?;
        slice.take(&field, columns.text("fact")?)?;
    }
    slice.shown(query)
}

/// A whole slice: the facts of each kind, as they are written.
#[derive(Default)]
struct Slice {
    workspace: Option<String>,
    tenants: BTreeMap<TenantId, String>,
    users: BTreeMap<UserId, String>,
    roles: BTreeMap<RoleName, String>,
    connections: BTreeMap<ConnectionId, String>,
    grants: BTreeMap<(UserId, Option<TenantId>), Vec<GrantRow>>,
    gates: BTreeMap<Option<TenantId>, String>,
    prerequisites: BTreeMap<Option<TenantId>, Vec<PrerequisiteRow>>,
}

impl Slice {
    /// Takes one field in. Its name says of what kind the fact is, and of what.
    fn take(&mut self, field: &str, fact: String) -> PortResult<()> {
        let (kind, name) = field.split_once(':').unwrap_or((field, ""));
        match kind {
            "workspace" => self.workspace = Some(fact),
            "tenant" => {
                self.tenants.insert(FACTS.id("tenant id", name)?, fact);
            }
            "user" => {
                self.users.insert(FACTS.id("user id", name)?, fact);
            }
            "role" => {
                self.roles.insert(FACTS.id("role", name)?, fact);
            }
            "connection" => {
                self.connections
                    .insert(FACTS.id("connection id", name)?, fact);
            }
            "gate" => {
                self.gates.insert(tenant(name)?, fact);
            }
            "grants" => {
                let Some((user, of)) = name.split_once('\n') else {
                    return Err(FACTS.malformed("list of grants", field));
                };
                let (user, of) = (FACTS.id("user id", user)?, tenant(of)?);
                let mut grants = FACTS.grants(of.as_ref(), &fact)?;
                grants.sort_by(|one, other| one.role.cmp(&other.role));
                self.grants.insert((user, of), grants);
            }
            "prerequisites" => {
                let of = tenant(name)?;
                let mut found = FACTS.prerequisites(of.as_ref(), &fact)?;
                found.sort_by(|one, other| one.name.cmp(&other.name));
                self.prerequisites.insert(of, found);
            }
            // The revision, and what later versions may add: no fact of this one's.
            _ => {}
        }
        Ok(())
    }

    fn shown(self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>> {
        let workspace = &query.workspace_id;
        let is_tenant = |id: &TenantId| query.tenant_id.as_ref().is_none_or(|only| only == id);
        let concerns = |of: &Option<TenantId>| of.as_ref().is_none_or(is_tenant);
        let is_user = |id: &UserId| query.user_id.as_ref().is_none_or(|only| only == id);
        let grants: Vec<_> = (self.grants.into_iter())
            .filter(|((user, of), _)| is_user(user) && concerns(of))
            .collect();
        let users: BTreeSet<UserId> = grants.iter().map(|((user, _), _)| user.clone()).collect();
        let roles: BTreeSet<RoleName> = (grants.iter())
            .flat_map(|(_, rows)| rows.iter().map(|row| row.role.clone()))
            .collect();

        let mut shown = Vec::new();
        for (role, text) in self
            .roles
            .into_iter()
            .filter(|(role, _)| roles.contains(role))
        {
            let row = FACTS.role(&text)?;
            shown.push(AuthorityChange::DefineRole {
                role,
                capabilities: row.capabilities,
                all_tenants: row.all_tenants,
            });
        }
        if let Some(active) = &self.workspace {
            shown.push(AuthorityChange::SetWorkspace {
                workspace: workspace.clone(),
                active: FACTS.flag("workspace", active)?,
            });
        }
        for (tenant, lifecycle) in self.tenants.into_iter().filter(|(id, _)| is_tenant(id)) {
            shown.push(AuthorityChange::SetTenant {
                tenant,
                workspace: workspace.clone(),
                lifecycle: FACTS.id("lifecycle", &lifecycle)?,
            });
        }
        for (user, active) in self.users.into_iter().filter(|(id, _)| users.contains(id)) {
            shown.push(AuthorityChange::SetUser {
                user,
                active: FACTS.flag("user", &active)?,
            });
        }
        shown.extend(grants.into_iter().flat_map(|((user, _), rows)| {
            rows.into_iter().map(move |row| AuthorityChange::Grant {
                user: user.clone(),
                workspace: workspace.clone(),
                tenant: row.tenant_id,
                role: row.role,
                expires_at: row.expires_at,
            })
        }));
        for (connection, text) in self.connections {
            let row = FACTS.connection(&text)?;
            if is_tenant(&row.tenant_id) {
                shown.push(AuthorityChange::SetConnection {
                    connection,
                    tenant: row.tenant_id,
                    enabled: row.enabled,
                });
            }
        }
        for (tenant, text) in self.gates.into_iter().filter(|(of, _)| concerns(of)) {
            let row = FACTS.gate(&text)?;
            shown.push(AuthorityChange::SetWriteGate {
                workspace: workspace.clone(),
                tenant,
                open: row.open,
                reason: row.reason,
            });
        }
        let prerequisites = self
            .prerequisites
            .into_iter()
            .filter(|(of, _)| concerns(of));
        shown.extend(prerequisites.flat_map(|(_, rows)| rows).map(|row| {
            AuthorityChange::SetPrerequisite {
                workspace: workspace.clone(),
                tenant: row.tenant_id,
                name: row.name,
                met: row.met,
            }
        }));
        Ok(shown)
    }
}

/// The empty text stands for none.
fn tenant(text: &str) -> PortResult<Option<TenantId>> {
    match text {
        "" => Ok(None),
        id => FACTS.id("tenant id", id).map(Some),
    }
}
