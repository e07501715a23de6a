//! Successors: the next run of a chain, in the commit that completes the one before.

use std::collections::HashMap;
use std::time::Duration;

use countersign_domain::{ActorName, RunId};
use countersign_ports::{PortResult, QueueEntry};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{PostgresRuns, entry_of, uuids};
use crate::error::failed;
use crate::rows::{Columns, micros};

/// A successor to be queued.
pub(super) struct Next<'a> {
    pub(super) predecessor: RunId,
    pub(super) id: RunId,
    /// How long after now it is due.
    pub(super) wait: Duration,
    pub(super) requested_by: Option<&'a ActorName>,
}

/// Queues successors of completed runs that have none; answers by predecessor.
pub(super) async fn succeed(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    next: &[Next<'_>],
    operation: &'static str,
) -> PortResult<HashMap<RunId, QueueEntry>> {
    if next.is_empty() {
        return Ok(HashMap::new());
    }
    let predecessors: Vec<Uuid> = next.iter().map(|next| next.predecessor.as_uuid()).collect();
    let ids: Vec<Uuid> = next.iter().map(|next| next.id.as_uuid()).collect();
    let waits: Vec<i64> = next.iter().map(|next| micros(next.wait)).collect();
    let by: Vec<Option<&str>> = next
        .iter()
        .map(|next| next.requested_by.map(ActorName::as_str))
        .collect();
    let rows = runs
        .shared
        .query(include_str!("../sql/succeed.sql"))
        .bind(predecessors)
        .bind(ids)
        .bind(waits)
        .bind(by)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(operation))?;
    let queued = by_predecessor(&rows, operation)?;
    let ids: Vec<RunId> = queued.values().map(|entry| entry.run.id).collect();
    runs.enqueue(connection, &ids, operation).await?;
    Ok(queued)
}

/// The successors that runs have already, by predecessor.
pub(super) async fn successors_of(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    predecessors: &[RunId],
    operation: &'static str,
) -> PortResult<HashMap<RunId, QueueEntry>> {
    let rows = runs
        .shared
        .query(include_str!("../sql/successors_of.sql"))
        .bind(uuids(predecessors))
        .fetch_all(connection)
        .await
        .map_err(failed(operation))?;
    by_predecessor(&rows, operation)
}

fn by_predecessor(
    rows: &[PgRow],
    operation: &'static str,
) -> PortResult<HashMap<RunId, QueueEntry>> {
    rows.iter()
        .map(|row| {
            let mut columns = Columns::of(row, operation);
            let entry = entry_of(&mut columns)?;
            Ok((columns.run_id()?, entry))
        })
        .collect()
}
