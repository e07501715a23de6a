//! Completes runs under their lease, and queues the successors of those that failed.

use std::collections::HashMap;

use countersign_domain::{CancelNote, Failure, FailureCode, JsonText, RunId, RunOutcome};
use countersign_ports::{Finish, Finished, PortResult, Work};
use serde::Serialize;
use sqlx::SqliteConnection;

use super::succeed::{Next, succeed, successors_of};
use super::{SqliteRuns, json};
use crate::error::failed;
use crate::rows::Columns;

const OPERATION: &str = "finish";

pub(super) async fn finish(runs: &SqliteRuns, finishes: &[Finish]) -> PortResult<Vec<Finished>> {
    let mut write = runs.shared.write(OPERATION).await?;
    let now = runs.shared.now();
    let rows: Vec<Row<'_>> = finishes.iter().map(Row::of).collect();
    let rows = sqlx::query(include_str!("../sql/finish.sql"))
        .bind(json(&rows))
        .bind(now.as_micros())
        .fetch_all(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let mut outcomes = read_outcomes(&rows)?;
    let next: Vec<Next<'_>> = finishes
        .iter()
        .filter(|finish| outcomes.get(&finish.run.id) == Some(&RunOutcome::Failed))
        .filter_map(|finish| {
            let successor = finish.successor.as_ref()?;
            Some(Next {
                predecessor: finish.run.id,
                id: successor.id,
                due_at: now.plus(successor.wait),
                requested_by: None,
            })
        })
        .collect();
    let mut successors = succeed(runs, write.connection(), &next, now, OPERATION).await?;
    if outcomes.len() < finishes.len() {
        let before = finished_before(write.connection(), finishes, &outcomes).await?;
        let ids: Vec<RunId> = before.keys().copied().collect();
        successors.extend(successors_of(write.connection(), &ids, OPERATION).await?);
        outcomes.extend(before);
    }
    write.commit().await?;
    if !successors.is_empty() {
        runs.shared.bell().notify_one();
    }
    Ok(finishes
        .iter()
        .map(|finish| match outcomes.get(&finish.run.id) {
            Some(outcome) => Finished::Completed {
                outcome: *outcome,
                successor: successors.get(&finish.run.id).cloned(),
            },
            None => Finished::LeaseLost,
        })
        .collect())
}

#[derive(Serialize)]
struct Row<'a>(
    RunId,
    String,
    RunOutcome,
    Option<&'a str>,
    Option<&'a str>,
    Option<FailureCode>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
);

impl<'a> Row<'a> {
    fn of(finish: &'a Finish) -> Self {
        let (outcome, failure, cancel) = parts(&finish.work);
        Self(
            finish.run.id,
            finish.lease_id.to_string(),
            outcome,
            finish.result.as_ref().map(JsonText::as_str),
            finish.output.as_ref().map(JsonText::as_str),
            failure.map(|failure| failure.code),
            failure.map(|failure| failure.message.as_str()),
            cancel.map(|note| note.by.as_str()),
            cancel.and_then(|note| note.reason.as_deref()),
        )
    }
}

fn parts(work: &Work) -> (RunOutcome, Option<&Failure>, Option<&CancelNote>) {
    match work {
        Work::Succeeded => (RunOutcome::Succeeded, None, None),
        Work::PartiallySucceeded => (RunOutcome::PartiallySucceeded, None, None),
        Work::Failed(failure) => (RunOutcome::Failed, Some(failure), None),
        Work::Cancelled(note) => (RunOutcome::Cancelled, None, Some(note)),
    }
}

/// Completions that an earlier call with the same lease has put on record.
async fn finished_before(
    connection: &mut SqliteConnection,
    finishes: &[Finish],
    now_finished: &HashMap<RunId, RunOutcome>,
) -> PortResult<HashMap<RunId, RunOutcome>> {
    let rows: Vec<_> = finishes
        .iter()
        .filter(|finish| !now_finished.contains_key(&finish.run.id))
        .map(|finish| (finish.run.id, finish.lease_id))
        .collect();
    let rows = sqlx::query(include_str!("../sql/finished_before.sql"))
        .bind(json(&rows))
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    read_outcomes(&rows)
}

fn read_outcomes(rows: &[sqlx::sqlite::SqliteRow]) -> PortResult<HashMap<RunId, RunOutcome>> {
    rows.iter()
        .map(|row| {
            let mut columns = Columns::of(row, OPERATION);
            Ok((columns.parsed("run id")?, columns.parsed("outcome")?))
        })
        .collect()
}
