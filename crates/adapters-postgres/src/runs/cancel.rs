//! Cancels: of a queued run a guarded transition, of a running one a flag.

use countersign_domain::{RunOutcome, RunStatus};
use countersign_ports::{Cancellation, Cancelled, PortResult};
use sqlx::PgConnection;

use super::PostgresRuns;
use crate::error::failed;
use crate::rows::{Columns, storable};
use crate::transaction::again_on_conflict;

const OPERATION: &str = "cancel";

pub(super) async fn cancel(
    runs: &PostgresRuns,
    cancellations: &[Cancellation],
) -> PortResult<Vec<Cancelled>> {
    again_on_conflict(|| cancel_once(runs, cancellations)).await
}

async fn cancel_once(
    runs: &PostgresRuns,
    cancellations: &[Cancellation],
) -> PortResult<Vec<Cancelled>> {
    let mut write = runs.shared.write(OPERATION).await?;
    let mut answers = Vec::with_capacity(cancellations.len());
    for cancellation in cancellations {
        let answer = cancel_one(runs, write.connection(), cancellation).await?;
        if answer == Cancelled::BeforeStart {
            let id = cancellation.run.as_uuid();
            runs.dequeue(write.connection(), &[id], OPERATION).await?;
        }
        answers.push(answer);
    }
    write.commit().await?;
    Ok(answers)
}

async fn cancel_one(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    cancellation: &Cancellation,
) -> PortResult<Cancelled> {
    let id = cancellation.run.as_uuid();
    let by = cancellation.note.by.as_str();
    let reason = cancellation.note.reason.as_deref().map(storable);
    let queued = runs
        .shared
        .query(include_str!("../sql/cancel_queued.sql"))
        .bind(id)
        .bind(by)
        .bind(&reason)
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    if queued.rows_affected() > 0 {
        return Ok(Cancelled::BeforeStart);
    }
    let running = runs
        .shared
        .query(include_str!("../sql/cancel_running.sql"))
        .bind(id)
        .bind(by)
        .bind(&reason)
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    if running.rows_affected() > 0 {
        return Ok(Cancelled::Requested);
    }
    let row = runs
        .shared
        .query(include_str!("../sql/standing.sql"))
        .bind(id)
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
