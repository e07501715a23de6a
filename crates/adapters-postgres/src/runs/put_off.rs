//! Puts off runs whose authority could not be read, and gives up on those put off for too long.

use std::collections::HashMap;

use countersign_domain::{RunId, Timestamp};
use countersign_ports::{PortResult, PutOff, QueueUpkeep, Undecided, UndecidedPolicy};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{PostgresRuns, clock};
use crate::error::failed;
use crate::rows::{Columns, PgTime, storable};
use crate::transaction::again_on_conflict;

const OPERATION: &str = "put_off";

pub(super) async fn put_off(
    runs: &PostgresRuns,
    undecided: &[Undecided],
    policy: &UndecidedPolicy,
) -> PortResult<Vec<PutOff>> {
    again_on_conflict(|| put_off_once(runs, undecided, policy)).await
}

async fn put_off_once(
    runs: &PostgresRuns,
    undecided: &[Undecided],
    policy: &UndecidedPolicy,
) -> PortResult<Vec<PutOff>> {
    let mut write = runs.shared.write(OPERATION).await?;
    let since = undecided_since(runs, write.connection(), undecided).await?;
    // After the locks are held: nothing else moves these runs from here on.
    let now = clock(&runs.shared, write.connection(), OPERATION).await?;
    let mut waiting = Waiting::default();
    let mut given_up = GivenUp::default();
    let mut answers = Vec::with_capacity(undecided.len());
    for one in undecided {
        answers.push(match since.get(&one.run.id) {
            None => PutOff::NotQueued,
            Some(since) => {
                let since = since.unwrap_or(now);
                match policy.wait_at(now.since(since)) {
                    Some(wait) => {
                        let until = now.plus(wait);
                        waiting.runs.push(one.run.id.as_uuid());
                        waiting.since.push(PgTime(since));
                        waiting.until.push(PgTime(until));
                        PutOff::Waiting { since, until }
                    }
                    None => {
                        given_up.runs.push(one.run.id.as_uuid());
                        given_up.messages.push(storable(&one.cause));
                        given_up.since.push(PgTime(since));
                        PutOff::GaveUp
                    }
                }
            }
        });
    }
    wait(runs, write.connection(), &waiting).await?;
    give_up(runs, write.connection(), &given_up).await?;
    write.commit().await?;
    Ok(answers)
}

#[derive(Default)]
struct Waiting {
    runs: Vec<Uuid>,
    since: Vec<PgTime>,
    until: Vec<PgTime>,
}

#[derive(Default)]
struct GivenUp {
    runs: Vec<Uuid>,
    messages: Vec<String>,
    since: Vec<PgTime>,
}

/// Locks the runs that are still queued; answers since when each has been undecided, if it has.
async fn undecided_since(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    undecided: &[Undecided],
) -> PortResult<HashMap<RunId, Option<Timestamp>>> {
    let ids: Vec<Uuid> = undecided.iter().map(|one| one.run.id.as_uuid()).collect();
    let workspaces: Vec<&str> = undecided
        .iter()
        .map(|one| one.run.workspace_id.as_str())
        .collect();
    let rows = runs
        .shared
        .query(include_str!("../sql/undecided.sql"))
        .bind(ids)
        .bind(workspaces)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::of(row, OPERATION);
            Ok((columns.run_id()?, columns.optional_time()?))
        })
        .collect()
}

async fn wait(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    waiting: &Waiting,
) -> PortResult<()> {
    if waiting.runs.is_empty() {
        return Ok(());
    }
    runs.shared
        .query(include_str!("../sql/put_off.sql"))
        .bind(&waiting.runs)
        .bind(&waiting.since)
        .bind(&waiting.until)
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    if runs.upkeep == QueueUpkeep::InCommit {
        runs.shared
            .query(include_str!("../sql/reschedule.sql"))
            .bind(&waiting.runs)
            .bind(&waiting.until)
            .execute(connection)
            .await
            .map_err(failed(OPERATION))?;
    }
    Ok(())
}

async fn give_up(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    given_up: &GivenUp,
) -> PortResult<()> {
    if given_up.runs.is_empty() {
        return Ok(());
    }
    runs.shared
        .query(include_str!("../sql/give_up.sql"))
        .bind(&given_up.runs)
        .bind(&given_up.messages)
        .bind(&given_up.since)
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    runs.dequeue(connection, &given_up.runs, OPERATION).await
}
