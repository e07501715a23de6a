//! Pages of facts: kind after kind, each in the order of its primary key.

use countersign_domain::AuthorityChange;
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
        Some(last) => Some(json(&(kind, last.key()))),
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
