//! The authority log, newest first.

use countersign_ports::{LogEntry, LogQuery, PortError, PortResult};
use sqlx::postgres::PgRow;

use super::PostgresAuthority;
use crate::error::failed;
use crate::rows::Columns;

const OPERATION: &str = "log";

pub(super) async fn log(
    authority: &PostgresAuthority,
    query: &LogQuery,
) -> PortResult<Vec<LogEntry>> {
    let before = query
        .before
        .and_then(|seq| i64::try_from(seq).ok())
        .unwrap_or(i64::MAX);
    let shared = &authority.shared;
    let statement = match &query.workspace_id {
        None => shared
            .query(include_str!("../sql/log.sql"))
            .bind(before)
            .bind(i64::from(query.limit)),
        Some(workspace) => shared
            .query(include_str!("../sql/log_of_scope.sql"))
            .bind(before)
            .bind(i64::from(query.limit))
            .bind(workspace.to_string()),
    };
    let mut snapshot = shared.browse(OPERATION).await?;
    let rows = statement
        .fetch_all(&mut *snapshot)
        .await
        .map_err(failed(OPERATION))?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| read_log_entry(row, OPERATION))
        .collect()
}

/// The columns seq, at, actor, change, raised.
pub(crate) fn read_log_entry(row: &PgRow, operation: &'static str) -> PortResult<LogEntry> {
    let mut columns = Columns::of(row, operation);
    Ok(LogEntry {
        seq: columns.number("seq")?,
        at: columns.time()?,
        by: columns.optional("actor")?,
        change: serde_json::from_str(columns.text()?)
            .map_err(|error| PortError::corrupt(operation, "a logged change", error))?,
        raised: serde_json::from_str(columns.text()?).map_err(|error| {
            PortError::corrupt(operation, "the revisions of a logged change", error)
        })?,
    })
}
