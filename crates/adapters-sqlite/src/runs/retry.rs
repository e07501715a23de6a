//! An operator's retry: a successor of a completed run, whatever its attempt.

use countersign_domain::{RunId, RunStatus, Timestamp};
use countersign_ports::{PortResult, Retried, Retry};
use sqlx::SqliteConnection;

use super::SqliteRuns;
use super::succeed::{Next, succeed, successors_of};
use crate::error::failed;
use crate::rows::Columns;

const OPERATION: &str = "retry";

pub(super) async fn retry(runs: &SqliteRuns, retries: &[Retry]) -> PortResult<Vec<Retried>> {
    let mut write = runs.shared.write(OPERATION).await?;
    let now = runs.shared.now();
    let mut answers = Vec::with_capacity(retries.len());
    for one in retries {
        answers.push(retry_one(runs, write.connection(), one, now).await?);
    }
    write.commit().await?;
    runs.shared.bell().notify_one();
    Ok(answers)
}

async fn retry_one(
    runs: &SqliteRuns,
    connection: &mut SqliteConnection,
    retry: &Retry,
    now: Timestamp,
) -> PortResult<Retried> {
    let row = sqlx::query(include_str!("../sql/standing.sql"))
        .bind(retry.run.to_string())
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
    let known = successors_of(connection, &[retry.run], OPERATION).await?;
    if let Some(entry) = known.get(&retry.run) {
        return Ok(Retried::Existing { id: entry.run.id });
    }
    let _outcome = columns.text()?;
    if let Some(holder) = unique_holder(connection, &mut columns).await? {
        return Ok(Retried::UniqueKeyHeld { holder });
    }
    let next = Next {
        predecessor: retry.run,
        id: retry.successor,
        due_at: now,
        requested_by: Some(&retry.requested_by),
    };
    let mut queued = succeed(runs, connection, &[next], now, OPERATION).await?;
    Ok(match queued.remove(&retry.run) {
        Some(entry) => Retried::Created(entry),
        // The successor's id was taken by another run.
        None => Retried::Existing {
            id: retry.successor,
        },
    })
}

/// The columns workspace, tenant, operation, unique key.
async fn unique_holder(
    connection: &mut SqliteConnection,
    columns: &mut Columns<'_>,
) -> PortResult<Option<RunId>> {
    let (workspace, tenant) = (columns.text()?, columns.text()?);
    let operation = columns.text()?;
    let Some(unique_key) = columns.optional_text()? else {
        return Ok(None);
    };
    let row = sqlx::query(include_str!("../sql/unique_holder.sql"))
        .bind(workspace)
        .bind(tenant)
        .bind(operation)
        .bind(unique_key)
        .fetch_optional(connection)
        .await
        .map_err(failed(OPERATION))?;
    row.as_ref()
        .map(|row| Columns::of(row, OPERATION).parsed("run id"))
        .transpose()
}
