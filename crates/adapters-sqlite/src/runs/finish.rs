//! Completes runs under their lease, and queues the successors of those that failed.

use std::collections::{HashMap, HashSet};

use countersign_domain::{
    CancelNote, Failure, FailureCode, JsonText, RunId, RunOutcome, Timestamp, WorkspaceId,
};
use countersign_ports::{Finish, Finished, PortResult, Work};
use serde::Serialize;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::lease::Lease;
use super::succeed::{Next, succeed, successors_of};
use super::{SqliteRuns, json};
use crate::error::failed;
use crate::rows::Columns;

const OPERATION: &str = "finish";

pub(super) async fn finish(runs: &SqliteRuns, finishes: &[Finish]) -> PortResult<Vec<Finished>> {
    let mut write = runs.shared.write(OPERATION).await?;
    let now = runs.shared.now();
    let mut named = HashSet::with_capacity(finishes.len());
    let (plain, other): (Vec<&Finish>, Vec<&Finish>) = finishes
        .iter()
        .filter(|finish| named.insert(lease_of(finish)))
        .partition(|one| is_plain(one));
    let mut outcomes = HashMap::with_capacity(finishes.len());
    if !plain.is_empty() {
        let rows: Vec<_> = plain
            .iter()
            .map(|finish| (finish.run.id, finish.lease_id, &finish.run.workspace_id))
            .collect();
        let statement = include_str!("../sql/finish_plain.sql");
        outcomes.extend(complete(write.connection(), statement, json(&rows), now).await?);
    }
    if !other.is_empty() {
        let rows: Vec<Row<'_>> = other.into_iter().map(Row::of).collect();
        let statement = include_str!("../sql/finish.sql");
        outcomes.extend(complete(write.connection(), statement, json(&rows), now).await?);
    }
    let next: Vec<Next<'_>> = finishes
        .iter()
        .filter(|finish| outcomes.get(&lease_of(finish)) == Some(&RunOutcome::Failed))
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
    if finishes
        .iter()
        .any(|finish| !outcomes.contains_key(&lease_of(finish)))
    {
        let before = finished_before(write.connection(), finishes, &outcomes).await?;
        let ids: Vec<RunId> = finishes
            .iter()
            .filter(|finish| before.contains_key(&lease_of(finish)))
            .map(|finish| finish.run.id)
            .collect();
        successors.extend(successors_of(write.connection(), &ids, OPERATION).await?);
        outcomes.extend(before);
    }
    write.commit().await?;
    if !successors.is_empty() {
        runs.shared.bell().notify_one();
    }
    Ok(finishes
        .iter()
        .map(|finish| match outcomes.get(&lease_of(finish)) {
            Some(outcome) => Finished::Completed {
                outcome: *outcome,
                successor: successors.get(&finish.run.id).cloned(),
            },
            None => Finished::LeaseLost,
        })
        .collect())
}

/// A success that leaves nothing with the run.
fn is_plain(finish: &Finish) -> bool {
    finish.work == Work::Succeeded && finish.result.is_none() && finish.output.is_none()
}

async fn complete(
    connection: &mut SqliteConnection,
    statement: &'static str,
    batch: String,
    now: Timestamp,
) -> PortResult<HashMap<Lease, RunOutcome>> {
    let rows = sqlx::query(statement)
        .bind(batch)
        .bind(now.as_micros())
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    read_outcomes(&rows)
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
    &'a WorkspaceId,
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
            &finish.run.workspace_id,
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
    now_finished: &HashMap<Lease, RunOutcome>,
) -> PortResult<HashMap<Lease, RunOutcome>> {
    let rows: Vec<_> = finishes
        .iter()
        .filter(|finish| !now_finished.contains_key(&lease_of(finish)))
        .map(|finish| (finish.run.id, finish.lease_id, &finish.run.workspace_id))
        .collect();
    let rows = sqlx::query(include_str!("../sql/finished_before.sql"))
        .bind(json(&rows))
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    read_outcomes(&rows)
}

fn read_outcomes(rows: &[SqliteRow]) -> PortResult<HashMap<Lease, RunOutcome>> {
    rows.iter()
        .map(|row| {
            let mut columns = Columns::of(row, OPERATION);
            Ok((Lease::read(&mut columns)?, columns.parsed("outcome")?))
        })
        .collect()
}

fn lease_of(finish: &Finish) -> Lease {
    Lease::of(&finish.run, finish.lease_id)
}
