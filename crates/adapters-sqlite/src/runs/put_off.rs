//! Puts off runs whose authority could not be read, and gives up on those put off for too long.

use std::collections::HashMap;

use countersign_domain::{RunId, Timestamp};
use countersign_ports::{PortResult, PutOff, QueueUpkeep, Undecided, UndecidedPolicy};
use sqlx::SqliteConnection;

use super::{SqliteRuns, json};
use crate::error::failed;
use crate::rows::Columns;

const OPERATION: &str = "put_off";

pub(super) async fn put_off(
    runs: &SqliteRuns,
    undecided: &[Undecided],
    policy: &UndecidedPolicy,
) -> PortResult<Vec<PutOff>> {
    let mut write = runs.shared.write(OPERATION).await?;
    let now = runs.shared.now();
    let since = undecided_since(write.connection(), undecided, now).await?;
    let answers: Vec<PutOff> = undecided
        .iter()
        .map(|one| match since.get(&one.run.id) {
            None => PutOff::NotQueued,
            Some(&since) => match policy.wait_at(now.since(since)) {
                Some(wait) => PutOff::Waiting {
                    since,
                    until: now.plus(wait),
                },
                None => PutOff::GaveUp,
            },
        })
        .collect();
    let mut waiting = Vec::new();
    let mut given_up = Vec::new();
    for (one, answer) in undecided.iter().zip(&answers) {
        match answer {
            PutOff::Waiting { since, until } => {
                waiting.push((one.run.id, since.as_micros(), until.as_micros()));
            }
            PutOff::GaveUp => {
                let since = since.get(&one.run.id).map(|since| since.as_micros());
                given_up.push((one.run.id, &one.cause, since));
            }
            PutOff::NotQueued => {}
        }
    }
    run(
        write.connection(),
        include_str!("../sql/put_off.sql"),
        &json(&waiting),
        None,
    )
    .await?;
    if runs.upkeep == QueueUpkeep::InCommit {
        run(
            write.connection(),
            include_str!("../sql/reschedule.sql"),
            &json(&waiting),
            None,
        )
        .await?;
    }
    let give_up = include_str!("../sql/give_up.sql");
    run(write.connection(), give_up, &json(&given_up), Some(now)).await?;
    let ended: Vec<RunId> = given_up.iter().map(|(id, _, _)| *id).collect();
    if !ended.is_empty() {
        runs.dequeue(write.connection(), json(&ended), OPERATION)
            .await?;
    }
    write.commit().await?;
    Ok(answers)
}

async fn undecided_since(
    connection: &mut SqliteConnection,
    undecided: &[Undecided],
    now: Timestamp,
) -> PortResult<HashMap<RunId, Timestamp>> {
    let keys: Vec<_> = undecided
        .iter()
        .map(|one| (one.run.id, &one.run.workspace_id))
        .collect();
    let rows = sqlx::query(include_str!("../sql/undecided.sql"))
        .bind(json(&keys))
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::of(row, OPERATION);
            let id = columns.parsed("run id")?;
            Ok((id, columns.optional_time("undecided since")?.unwrap_or(now)))
        })
        .collect()
}

async fn run(
    connection: &mut SqliteConnection,
    statement: &'static str,
    batch: &str,
    now: Option<Timestamp>,
) -> PortResult<()> {
    if batch == "[]" {
        return Ok(());
    }
    let query = sqlx::query(statement).bind(batch.to_owned());
    let query = match now {
        Some(now) => query.bind(now.as_micros()),
        None => query,
    };
    query.execute(connection).await.map_err(failed(OPERATION))?;
    Ok(())
}
