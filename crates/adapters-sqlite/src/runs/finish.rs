//! Completes runs under their lease, and queues the successors of those that failed.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use countersign_domain::{
    CancelNote, Failure, FailureCode, JsonText, RunId, RunOutcome, Timestamp, WorkspaceId,
};
use countersign_ports::{Finish, Finished, PortResult, RunKey, Work};
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
    let mut named = HashSet::with_capacity(finishes.len());
    // Of a run that is named twice the first one counts: it alone may take the short way.
    let plain: Vec<bool> = finishes
        .iter()
        .map(|finish| named.insert(finish.run.id) && is_plain(finish))
        .collect();
    let each = || finishes.iter().zip(&plain);
    let rows: Vec<String> = each()
        .filter(|(_, plain)| **plain)
        .map(|(finish, _)| plain_row(finish))
        .collect();
    let batch = json(&rows);
    let mut write = runs.shared.write(OPERATION).await?;
    let now = runs.shared.now();
    // Where not every one of them could be completed plainly, all are looked at one by one.
    let plainly = rows.is_empty()
        || complete_plainly(write.connection(), batch, now).await? == rows.len() as u64;
    let rest: Vec<&Finish> = each()
        .filter(|(_, plain)| !(plainly && **plain))
        .map(|(finish, _)| finish)
        .collect();
    let known = complete_rest(runs, write.connection(), &rest, now).await?;
    write.commit().await?;
    if known.values().any(has_successor) {
        runs.shared.bell().notify_one();
    }
    Ok(each()
        .map(|(finish, plain)| {
            if plainly && *plain {
                Finished::Completed {
                    outcome: RunOutcome::Succeeded,
                    successor: None,
                }
            } else {
                let known = known.get(&lease_of(finish));
                known.cloned().unwrap_or(Finished::LeaseLost)
            }
        })
        .collect())
}

fn has_successor(finished: &Finished) -> bool {
    match finished {
        Finished::Completed { successor, .. } => successor.is_some(),
        Finished::LeaseLost => false,
    }
}

/// What `sql/finish_plain.sql` binds for one of them.
fn plain_row(finish: &Finish) -> String {
    let RunKey { id, workspace_id } = &finish.run;
    let mut row = String::with_capacity(2 * 36 + workspace_id.as_str().len());
    // Writing to a string does not fail.
    let _written = write!(row, "{id}{}{workspace_id}", finish.lease_id);
    row
}

/// Completes plain successes; answers with how many.
async fn complete_plainly(
    connection: &mut SqliteConnection,
    rows: String,
    now: Timestamp,
) -> PortResult<u64> {
    let completed = sqlx::query(include_str!("../sql/finish_plain.sql"))
        .bind(rows)
        .bind(now.as_micros())
        .execute(connection)
        .await
        .map_err(failed(OPERATION))?;
    Ok(completed.rows_affected())
}

/// Completes whatever is not a plain success, and finds what was completed before.
async fn complete_rest(
    runs: &SqliteRuns,
    connection: &mut SqliteConnection,
    finishes: &[&Finish],
    now: Timestamp,
) -> PortResult<HashMap<Lease, Finished>> {
    if finishes.is_empty() {
        return Ok(HashMap::new());
    }
    let mut outcomes = complete(connection, finishes, now).await?;
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
    let mut successors = succeed(runs, connection, &next, now, OPERATION).await?;
    let before = finished_before(connection, finishes, &outcomes).await?;
    let ids: Vec<RunId> = finishes
        .iter()
        .filter(|finish| before.contains_key(&lease_of(finish)))
        .map(|finish| finish.run.id)
        .collect();
    if !ids.is_empty() {
        successors.extend(successors_of(connection, &ids, OPERATION).await?);
    }
    outcomes.extend(before);
    let finished = |(lease, outcome): (Lease, RunOutcome)| {
        let successor = successors.get(&lease.run()).cloned();
        (lease, Finished::Completed { outcome, successor })
    };
    Ok(outcomes.into_iter().map(finished).collect())
}

/// A success that leaves nothing with the run.
fn is_plain(finish: &Finish) -> bool {
    finish.work == Work::Succeeded && finish.result.is_none() && finish.output.is_none()
}

async fn complete(
    connection: &mut SqliteConnection,
    finishes: &[&Finish],
    now: Timestamp,
) -> PortResult<HashMap<Lease, RunOutcome>> {
    let mut named = HashSet::with_capacity(finishes.len());
    let rows: Vec<Row<'_>> = finishes
        .iter()
        .filter(|finish| named.insert(lease_of(finish)))
        .map(|finish| Row::of(finish))
        .collect();
    let rows = sqlx::query(include_str!("../sql/finish.sql"))
        .bind(json(&rows))
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

/// Completions that are on record under the same lease already.
async fn finished_before(
    connection: &mut SqliteConnection,
    finishes: &[&Finish],
    now_finished: &HashMap<Lease, RunOutcome>,
) -> PortResult<HashMap<Lease, RunOutcome>> {
    let rows: Vec<_> = finishes
        .iter()
        .filter(|finish| !now_finished.contains_key(&lease_of(finish)))
        .map(|finish| (finish.run.id, finish.lease_id, &finish.run.workspace_id))
        .collect();
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
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
