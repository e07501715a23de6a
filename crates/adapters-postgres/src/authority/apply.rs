//! Applies changes: facts, revisions and log in one commit.
//!
//! What a change does is written once, in the schema's own function, for the adapter and for whoever
//! changes authority from SQL.

use countersign_domain::{AttributedChange, ScopeRevision};
use countersign_ports::{Applied, PortError, PortErrorKind, PortResult};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use super::PostgresAuthority;
use crate::error::failed;
use crate::rows::Columns;

const OPERATION: &str = "apply";

pub(super) async fn apply(
    authority: &PostgresAuthority,
    changes: &[AttributedChange],
) -> PortResult<Applied> {
    let (shared, written) = (&authority.shared, written(changes)?);
    let asked = || {
        shared
            .query(include_str!("../sql/apply_alone.sql"))
            .bind(written.clone())
    };
    let rows = shared.call_durably(asked, OPERATION).await?;
    applied(changes, &rows)
}

pub(super) async fn apply_in(
    authority: &PostgresAuthority,
    connection: &mut PgConnection,
    changes: &[AttributedChange],
) -> PortResult<Applied> {
    let rows = authority
        .shared
        .query(include_str!("../sql/apply.sql"))
        .bind(written(changes)?)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    applied(changes, &rows)
}

fn applied(changes: &[AttributedChange], rows: &[PgRow]) -> PortResult<Applied> {
    let raised = rows
        .iter()
        .map(|row| {
            let mut columns = Columns::of(row, OPERATION);
            Ok(ScopeRevision {
                workspace: columns.parsed("workspace id")?,
                revision: columns.revision()??,
            })
        })
        .collect::<PortResult<_>>()?;
    Ok(Applied {
        changes: changes.len() as u64,
        raised,
    })
}

/// The changes as one JSON array, each with `by` where somebody is named.
fn written(changes: &[AttributedChange]) -> PortResult<String> {
    let one = |attributed: &AttributedChange| -> serde_json::Result<Value> {
        let mut change = serde_json::to_value(&attributed.change)?;
        if let (Value::Object(fields), Some(by)) = (&mut change, &attributed.by) {
            fields.insert("by".to_owned(), by.as_str().into());
        }
        Ok(change)
    };
    changes
        .iter()
        .map(one)
        .collect::<serde_json::Result<Vec<Value>>>()
        .and_then(|changes| serde_json::to_string(&changes))
        .map_err(|error| {
            let detail = "a change cannot be written as JSON";
            PortError::new(PortErrorKind::Other, OPERATION, detail).caused_by(error)
        })
}
