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
    rows.iter().map(read_entry).collect()
}

fn read_entry(row: &SqliteRow) -> PortResult<LogEntry> {
    let mut columns = Columns::of(row, OPERATION);
    Ok(LogEntry {
        seq: columns.number("seq")?,
        at: columns.time("at")?,
        by: columns.optional("actor")?,
        change: serde_json::from_str(columns.text()?)
            .map_err(|error| PortError::corrupt(OPERATION, "a logged change", error))?,
        raised: serde_json::from_str(columns.text()?).map_err(|error| {
            PortError::corrupt(OPERATION, "the revisions of a logged change", error)
        })?,
    })
}
