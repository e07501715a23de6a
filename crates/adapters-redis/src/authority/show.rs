//! The facts of a workspace, told as the changes that would make them.

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::{
    AuthorityChange, ConnectionId, GrantRow, PrerequisiteRow, RoleName, TenantId, UserId,
    WorkspaceId,
};
use countersign_ports::{PortResult, ShowQuery};

use super::RedisAuthority;
use super::facts::{Facts, UNKNOWN};
use crate::rows::Columns;
use crate::script::Call;

const OPERATION: &str = "show";

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
    let mut slice = Slice::of(OPERATION);
    while columns.left() > 0 {
        let field = columns.text("field of a slice")?;
        slice.take(&field, columns.text("fact")?)?;
    }
    slice.shown(query)
}

/// The facts that a slice alone has, of its fields: those of its workspace, grants, write gates, prerequisites.
pub(crate) fn facts_of_slice(
    workspace: &WorkspaceId,
    fields: impl IntoIterator<Item = (String, String)>,
    operation: &'static str,
) -> PortResult<Vec<AuthorityChange>> {
    let mut slice = Slice::of(operation);
    for (field, fact) in fields {
        slice.take(&field, fact)?;
    }
    let whole = ShowQuery {
        workspace_id: workspace.clone(),
        tenant_id: None,
        user_id: None,
    };
    let mut facts: Vec<AuthorityChange> = slice.workspace(&whole)?.into_iter().collect();
    facts.extend(slice.grants(&whole));
    facts.extend(slice.gates(&whole)?);
    facts.extend(slice.prerequisites(&whole));
    Ok(facts)
}

/// A whole slice: the facts of each kind, as they are written.
struct Slice {
    texts: Facts,
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
    /// An empty one.
    fn of(operation: &'static str) -> Self {
        Self {
            texts: Facts { operation },
            workspace: None,
            tenants: BTreeMap::new(),
            users: BTreeMap::new(),
            roles: BTreeMap::new(),
            connections: BTreeMap::new(),
            grants: BTreeMap::new(),
            gates: BTreeMap::new(),
            prerequisites: BTreeMap::new(),
        }
    }

    /// Takes one field in. Its name says of what kind the fact is, and of what.
    fn take(&mut self, field: &str, fact: String) -> PortResult<()> {
        let texts = self.texts;
        let tenant = |text: &str| match text {
            // The empty text stands for none.
            "" => Ok(None),
            id => texts.id("tenant id", id).map(Some),
        };
        let (kind, name) = field.split_once(':').unwrap_or((field, ""));
        match kind {
            "workspace" => self.workspace = Some(fact),
            "tenant" => {
                self.tenants.insert(texts.id("tenant id", name)?, fact);
            }
            "user" if fact == UNKNOWN => {}
            "user" => {
                self.users.insert(texts.id("user id", name)?, fact);
            }
            "role" => {
                self.roles.insert(texts.id("role", name)?, fact);
            }
            "connection" => {
                self.connections
                    .insert(texts.id("connection id", name)?, fact);
            }
            "gate" => {
                self.gates.insert(tenant(name)?, fact);
            }
            "grants" => {
                let Some((user, of)) = name.split_once('\n') else {
                    return Err(texts.malformed("list of grants", field));
                };
                let (user, of) = (texts.id("user id", user)?, tenant(of)?);
                let mut grants = texts.grants(of.as_ref(), &fact)?;
                grants.sort_by(|one, other| one.role.cmp(&other.role));
                self.grants.insert((user, of), grants);
            }
            "prerequisites" => {
                let of = tenant(name)?;
                let mut found = texts.prerequisites(of.as_ref(), &fact)?;
                found.sort_by(|one, other| one.name.cmp(&other.name));
                self.prerequisites.insert(of, found);
            }
            // The revision, and what later versions may add: no fact of this one's.
            _ => {}
        }
        Ok(())
    }

    fn shown(mut self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>> {
        self.narrow(query);
        let mut shown = self.roles()?;
        shown.extend(self.workspace(query)?);
        shown.extend(self.tenants(query)?);
        shown.extend(self.users()?);
        shown.extend(self.grants(query));
        shown.extend(self.connections(query)?);
        shown.extend(self.gates(query)?);
        shown.extend(self.prerequisites(query));
        Ok(shown)
    }

    /// Leaves out what does not concern the tenant or the user asked for. Roles and users are shown for the
    /// sake of their grants.
    fn narrow(&mut self, query: &ShowQuery) {
        let concerns =
            |of: &Option<TenantId>| of.as_ref().is_none_or(|one| is_asked_for(query, one));
        let is_user = |user: &UserId| query.user_id.as_ref().is_none_or(|only| only == user);
        self.tenants.retain(|tenant, _| is_asked_for(query, tenant));
        self.grants
            .retain(|(user, of), _| is_user(user) && concerns(of));
        self.gates.retain(|of, _| concerns(of));
        self.prerequisites.retain(|of, _| concerns(of));
        let users: BTreeSet<&UserId> = self.grants.keys().map(|(user, _)| user).collect();
        self.users.retain(|user, _| users.contains(user));
        let granted = self.grants.values().flatten();
        let roles: BTreeSet<&RoleName> = granted.map(|grant| &grant.role).collect();
        self.roles.retain(|role, _| roles.contains(role));
    }

    fn roles(&self) -> PortResult<Vec<AuthorityChange>> {
        let role = |(role, text): (&RoleName, &String)| {
            let row = self.texts.role(text)?;
            Ok(AuthorityChange::DefineRole {
                role: role.clone(),
                capabilities: row.capabilities,
                all_tenants: row.all_tenants,
            })
        };
        self.roles.iter().map(role).collect()
    }

    fn workspace(&self, query: &ShowQuery) -> PortResult<Option<AuthorityChange>> {
        let workspace = |active: &String| {
            Ok(AuthorityChange::SetWorkspace {
                workspace: query.workspace_id.clone(),
                active: self.texts.flag("workspace", active)?,
            })
        };
        self.workspace.as_ref().map(workspace).transpose()
    }

    fn tenants(&self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>> {
        let tenant = |(tenant, lifecycle): (&TenantId, &String)| {
            Ok(AuthorityChange::SetTenant {
                tenant: tenant.clone(),
                workspace: query.workspace_id.clone(),
                lifecycle: self.texts.id("lifecycle", lifecycle)?,
            })
        };
        self.tenants.iter().map(tenant).collect()
    }

    fn users(&self) -> PortResult<Vec<AuthorityChange>> {
        let user = |(user, active): (&UserId, &String)| {
            Ok(AuthorityChange::SetUser {
                user: user.clone(),
                active: self.texts.flag("user", active)?,
            })
        };
        self.users.iter().map(user).collect()
    }

    fn grants(&self, query: &ShowQuery) -> Vec<AuthorityChange> {
        let each = self.grants.iter();
        let each = each.flat_map(|((user, _), rows)| rows.iter().map(move |row| (user, row)));
        each.map(|(user, row)| AuthorityChange::Grant {
            user: user.clone(),
            workspace: query.workspace_id.clone(),
            tenant: row.tenant_id.clone(),
            role: row.role.clone(),
            expires_at: row.expires_at,
        })
        .collect()
    }

    fn connections(&self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>> {
        let mut shown = Vec::new();
        for (connection, text) in &self.connections {
            let row = self.texts.connection(text)?;
            if is_asked_for(query, &row.tenant_id) {
                shown.push(AuthorityChange::SetConnection {
                    connection: connection.clone(),
                    tenant: row.tenant_id,
                    enabled: row.enabled,
                });
            }
        }
        Ok(shown)
    }

    fn gates(&self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>> {
        let gate = |(tenant, text): (&Option<TenantId>, &String)| {
            let row = self.texts.gate(text)?;
            Ok(AuthorityChange::SetWriteGate {
                workspace: query.workspace_id.clone(),
                tenant: tenant.clone(),
                open: row.open,
                reason: row.reason,
            })
        };
        self.gates.iter().map(gate).collect()
    }

    fn prerequisites(&self, query: &ShowQuery) -> Vec<AuthorityChange> {
        let each = self.prerequisites.values().flatten();
        each.map(|row| AuthorityChange::SetPrerequisite {
            workspace: query.workspace_id.clone(),
            tenant: row.tenant_id.clone(),
            name: row.name.clone(),
            met: row.met,
        })
        .collect()
    }
}

fn is_asked_for(query: &ShowQuery, tenant: &TenantId) -> bool {
    query.tenant_id.as_ref().is_none_or(|only| only == tenant)
}
