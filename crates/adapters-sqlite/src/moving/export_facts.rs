//! Pages of facts: kind after kind, each in the order of its primary key.

use countersign_domain::{AuthorityChange, TenantId};
use countersign_ports::{MoveCursor, MovePage, Moved, PortResult};

use super::{SqliteMove, foreign_cursor};
use crate::authority::show;
use crate::error::failed;
use crate::rows::Columns;
use crate::runs::json;

const OPERATION: &str = "export";

type Read = fn(&mut Columns<'_>) -> PortResult<AuthorityChange>;

const KINDS: [(&str, Read); 8] = [
    (include_str!("../sql/export_roles.sql"), show::role),
    (
        include_str!("../sql/export_workspaces.sql"),
        show::workspace,
    ),
    (include_str!("../sql/export_tenants.sql"), show::tenant),
    (include_str!("../sql/export_users.sql"), show::user),
    (include_str!("../sql/export_grants.sql"), show::grant),
    (
        include_str!("../sql/export_connections.sql"),
        show::connection,
    ),
    (include_str!("../sql/export_gates.sql"), show::gate),
    (
        include_str!("../sql/export_prerequisites.sql"),
        show::prerequisite,
    ),
];

/// Before every key: no id is empty, and a key has four parts at the most.
const BEFORE_ALL: [&str; 4] = [""; 4];

pub(super) async fn export(
    store: &SqliteMove,
    after: Option<&MoveCursor>,
    limit: u32,
) -> PortResult<MovePage> {
    let (kind, key): (usize, Vec<String>) = match after {
        None => (0, BEFORE_ALL.map(str::to_owned).into()),
        Some(cursor) => serde_json::from_str(&cursor.0).map_err(|_| foreign_cursor(cursor))?,
    };
    let Some((statement, read)) = KINDS.get(kind) else {
        return Ok(MovePage {
            items: Vec::new(),
            next: None,
        });
    };
    let rows = sqlx::query(*statement)
        .bind(json(&key))
        .bind(limit)
        .fetch_all(store.shared.readers())
        .await
        .map_err(failed(OPERATION))?;
    let facts: Vec<AuthorityChange> = rows
        .iter()
        .map(|row| read(&mut Columns::of(row, OPERATION)))
        .collect::<PortResult<_>>()?;
    let last = facts.last().filter(|_| facts.len() >= limit as usize);
    let next = match last {
        Some(last) => Some(json(&(kind, key_of(last)))),
        None => {
            let after = kind + 1;
            KINDS.get(after).map(|_| json(&(after, BEFORE_ALL)))
        }
    };
    Ok(MovePage {
        items: facts.into_iter().map(Moved::Fact).collect(),
        next: next.map(MoveCursor),
    })
}

/// The primary key of the row that holds a fact.
fn key_of(fact: &AuthorityChange) -> Vec<&str> {
    match fact {
        AuthorityChange::DefineRole { role, .. } => vec![role.as_str()],
        AuthorityChange::SetWorkspace { workspace, .. } => vec![workspace.as_str()],
        AuthorityChange::SetTenant { tenant, .. } => vec![tenant.as_str()],
        AuthorityChange::SetUser { user, .. } | AuthorityChange::RemoveUser { user } => {
            vec![user.as_str()]
        }
        AuthorityChange::Grant {
            user,
            workspace,
            tenant,
            role,
            ..
        }
        | AuthorityChange::Revoke {
            user,
            workspace,
            tenant,
            role,
        } => vec![
            user.as_str(),
            workspace.as_str(),
            or_empty(tenant.as_ref()),
            role.as_str(),
        ],
        AuthorityChange::SetConnection { connection, .. } => vec![connection.as_str()],
        AuthorityChange::SetWriteGate {
            workspace, tenant, ..
        } => vec![workspace.as_str(), or_empty(tenant.as_ref())],
        AuthorityChange::SetPrerequisite {
            workspace,
            tenant,
            name,
            ..
        } => vec![workspace.as_str(), or_empty(tenant.as_ref()), name.as_str()],
    }
}

fn or_empty(tenant: Option<&TenantId>) -> &str {
    tenant.map_or("", TenantId::as_str)
}
