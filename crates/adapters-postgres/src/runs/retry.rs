//! An operator's retry: a successor of a completed run, whatever its attempt.

use std::time::Duration;

use countersign_domain::{RunId, RunStatus};
use countersign_ports::{PortResult, Retried, Retry};
use sqlx::PgConnection;

use super::PostgresRuns;
use super::succeed::{Next, succeed, successors_of};
use crate::error::failed;
use crate::rows::Columns;
use crate::transaction::again_on_conflict;

const OPERATION: &str = "retry";

pub(super) async fn retry(runs: &PostgresRuns, retries: &[Retry]) -> PortResult<Vec<Retried>> {
    let answers = again_on_conflict(|| retry_once(runs, retries)).await?;
    runs.shared.ring();
    Ok(answers)
}

async fn retry_once(runs: &PostgresRuns, retries: &[Retry]) -> PortResult<Vec<Retried>> {
    let mut write = runs.shared.write(OPERATION).await?;
    let mut answers = Vec::with_capacity(retries.len());
    for one in retries {
        answers.push(retry_one(runs, write.connection(), one).await?);
    }
    write.commit().await?;
    Ok(answers)
}

async fn retry_one(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    retry: &Retry,
) -> PortResult<Retried> {
    let row = runs
        .shared
        .query(include_str!("../sql/standing.sql"))
        .bind(retry.run.as_uuid())
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    let Some(row) = row else {
        return Ok(Retried::NotFound);
    };
    let mut columns = Columns::of(&row, OPERATION);
    if columns.parsed::<RunStatus>("status")? != RunStatus::Completed {
        return Ok(Retried::NotCompleted);
    }
    let _outcome = columns.text()?;
    // Asked twice at once, the one who comes second finds what the first has queued.
    for _ in 0..2 {
        let known = successors_of(runs, connection, &[retry.run], OPERATION).await?;
        if let Some(entry) = known.get(&retry.run) {
            return Ok(Retried::Existing { id: entry.run.id });
        }
        let next = Next {
            predecessor: retry.run,
            id: retry.successor,
            wait: Duration::ZERO,
            requested_by: Some(&retry.requested_by),
        };
        let mut queued = succeed(runs, connection, &[next], OPERATION).await?;
        if let Some(entry) = queued.remove(&retry.run) {
            return Ok(Retried::Created(entry));
        }
    }
    if let Some(holder) = unique_holder(runs, connection, &mut columns).await? {
        return Ok(Retried::UniqueKeyHeld { holder });
    }
    // The successor's id was taken by another run.
    Ok(Retried::Existing {
        id: retry.successor,
    })
}

/// The columns workspace, tenant, operation, unique key.
async fn unique_holder(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    columns: &mut Columns<'_>,
) -> PortResult<Option<RunId>> {
    let (workspace, tenant) = (columns.text()?, columns.text()?);
    let operation = columns.text()?;
    let Some(unique_key) = columns.optional_text()? else {
        return Ok(None);
    };
    let row = runs
        .shared
        .query(include_str!("../sql/unique_holder.sql"))
        .bind(workspace)
        .bind(tenant)
        .bind(operation)
        .bind(unique_key)
        .fetch_optional(connection)
        .await
        .map_err(failed(OPERATION))?;
    row.as_ref()
        .map(|row| Columns::of(row, OPERATION).run_id())
        .transpose()
}
