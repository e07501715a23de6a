//! The authority log, newest first.

use countersign_ports::{LogEntry, LogQuery, PortError, PortResult};
use sqlx::sqlite::SqliteRow;

use super::SqliteAuthority;
use crate::error::failed;
use crate::rows::Columns;

const OPERATION: &str = "log";

pub(super) async fn log(
    authority: &SqliteAuthority,
    query: &LogQuery,
) -> PortResult<Vec<LogEntry>> {
    let before = query
        .before
        .and_then(|seq| i64::try_from(seq).ok())
        .unwrap_or(i64::MAX);
    let statement = match &query.workspace_id {
        None => sqlx::query(include_str!("../sql/log.sql"))
            .bind(before)
            .bind(query.limit),
        Some(workspace) => sqlx::query(include_str!("../sql/log_of_scope.sql"))
            .bind(before)
            .bind(query.limit)
            .bind(workspace.to_string()),
    };
    let rows = statement
        .fetch_all(authority.shared.readers())
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| read_log_entry(row, OPERATION))
        .collect()
}

/// The columns seq, at, actor, change, raised.
pub(crate) fn read_log_entry(row: &SqliteRow, operation: &'static str) -> PortResult<LogEntry> {
    let mut columns = Columns::of(row, operation);
    Ok(LogEntry {
        seq: columns.number("seq")?,
        at: columns.time("at")?,
        by: columns.optional("actor")?,
        change: serde_json::from_str(columns.text()?)
            .map_err(|error| PortError::corrupt(operation, "a logged change", error))?,
        raised: serde_json::from_str(columns.text()?).map_err(|error| {
            PortError::corrupt(operation, "the revisions of a logged change", error)
        })?,
    })
}
