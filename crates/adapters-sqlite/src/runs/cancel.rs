//! Cancels: of a queued run a guarded transition, of a running one a flag.

use countersign_domain::{RunOutcome, RunStatus, Timestamp};
use countersign_ports::{Cancellation, Cancelled, PortResult};
use sqlx::SqliteConnection;

use super::{SqliteRuns, json};
use crate::error::failed;
use crate::rows::Columns;

const OPERATION: &str = "cancel";

pub(super) async fn cancel(
    runs: &SqliteRuns,
    cancellations: &[Cancellation],
) -> PortResult<Vec<Cancelled>> {
    let mut write = runs.shared.write(OPERATION).await?;
    let now = runs.shared.now();
    let mut answers = Vec::with_capacity(cancellations.len());
    for cancellation in cancellations {
        let answer = cancel_one(write.connection(), cancellation, now).await?;
        if answer == Cancelled::BeforeStart {
            runs.dequeue(write.connection(), json(&[cancellation.run]), OPERATION)
                .await?;
        }
        answers.push(answer);
    }
    write.commit().await?;
    Ok(answers)
}

async fn cancel_one(
    connection: &mut SqliteConnection,
    cancellation: &Cancellation,
    now: Timestamp,
) -> PortResult<Cancelled> {
    let id = cancellation.run.to_string();
    let by = cancellation.note.by.as_str();
    let reason = cancellation.note.reason.as_deref();
    let queued = sqlx::query(include_str!("../sql/cancel_queued.sql"))
        .bind(&id)
        .bind(by)
        .bind(reason)
        .bind(now.as_micros())
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    if queued.rows_affected() > 0 {
        return Ok(Cancelled::BeforeStart);
    }
    let running = sqlx::query(include_str!("../sql/cancel_running.sql"))
        .bind(&id)
        .bind(by)
        .bind(reason)
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    if running.rows_affected() > 0 {
        return Ok(Cancelled::Requested);
    }
    let row = sqlx::query(include_str!("../sql/standing.sql"))
        .bind(&id)
        .fetch_optional(connection)
        .await
        .map_err(failed(OPERATION))?;
    let Some(row) = row else {
        return Ok(Cancelled::NotFound);
    };
    let mut columns = Columns::of(&row, OPERATION);
    let status: RunStatus = columns.parsed("status")?;
    let outcome: RunOutcome = columns.parsed("outcome")?;
    Ok(match status {
        RunStatus::Completed => Cancelled::AlreadyCompleted(outcome),
        RunStatus::Queued | RunStatus::Running => Cancelled::AlreadyRequested,
    })
}
