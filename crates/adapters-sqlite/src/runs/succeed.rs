//! Successors: the next run of a chain, in the commit that completes the one before.

use std::collections::HashMap;

use countersign_domain::{ActorName, RunId, Timestamp};
use countersign_ports::{PortResult, QueueEntry};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::{SqliteRuns, entry_of, json};
use crate::error::failed;
use crate::rows::Columns;

/// A successor to be queued.
pub(super) struct Next<'a> {
    pub(super) predecessor: RunId,
    pub(super) id: RunId,
    pub(super) due_at: Timestamp,
    pub(super) requested_by: Option<&'a ActorName>,
}

/// Queues successors of completed runs that have none; answers by predecessor.
pub(super) async fn succeed(
    runs: &SqliteRuns,
    connection: &mut SqliteConnection,
    next: &[Next<'_>],
    now: Timestamp,
    operation: &'static str,
) -> PortResult<HashMap<RunId, QueueEntry>> {
    if next.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<_> = next
        .iter()
        .map(|next| {
            (
                next.predecessor,
                next.id,
                next.due_at.as_micros(),
                next.requested_by,
            )
        })
        .collect();
    let rows = sqlx::query(include_str!("../sql/succeed.sql"))
        .bind(json(&rows))
        .bind(now.as_micros())
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(operation))?;
    let queued = by_predecessor(&rows, operation)?;
    let ids: Vec<RunId> = queued.values().map(|entry| entry.run.id).collect();
    runs.enqueue(connection, &ids, now, operation).await?;
    Ok(queued)
}

/// The successors that runs have already, by predecessor.
pub(super) async fn successors_of(
    connection: &mut SqliteConnection,
    predecessors: &[RunId],
    operation: &'static str,
) -> PortResult<HashMap<RunId, QueueEntry>> {
    let rows = sqlx::query(include_str!("../sql/successors_of.sql"))
        .bind(json(&predecessors))
        .fetch_all(connection)
        .await
        .map_err(failed(operation))?;
    by_predecessor(&rows, operation)
}

fn by_predecessor(
    rows: &[SqliteRow],
    operation: &'static str,
) -> PortResult<HashMap<RunId, QueueEntry>> {
    rows.iter()
        .map(|row| {
            let mut columns = Columns::of(row, operation);
            let entry = entry_of(&mut columns)?;
            Ok((columns.parsed("predecessor")?, entry))
        })
        .collect()
}
