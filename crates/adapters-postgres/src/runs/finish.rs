//! Completes runs under their lease, and queues the successors of those that failed.

use std::collections::{HashMap, HashSet};

use countersign_domain::{CancelNote, Failure, JsonText, RunId, RunOutcome};
use countersign_ports::{Finish, Finished, PortResult, Work};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::PostgresRuns;
use super::lease::Lease;
use super::succeed::{Next, succeed, successors_of};
use crate::error::failed;
use crate::rows::{Columns, storable};
use crate::transaction::again_on_conflict;

const OPERATION: &str = "finish";

pub(super) async fn finish(runs: &PostgresRuns, finishes: &[Finish]) -> PortResult<Vec<Finished>> {
    // Of a completion that is named twice the first one counts.
    let mut named = HashSet::with_capacity(finishes.len());
    let mut firsts: Vec<&Finish> = finishes
        .iter()
        .filter(|finish| named.insert(lease_of(finish)))
        .collect();
    // In one order, so that two batches that share runs do not wait for each other.
    firsts.sort_unstable_by_key(|finish| finish.run.id);
    let (plain, mut rest): (Vec<&Finish>, Vec<&Finish>) =
        firsts.into_iter().partition(|one| is_plain(one));
    let mut known = HashMap::with_capacity(finishes.len());
    if complete_plainly(runs, &plain).await? == plain.len() {
        known.extend(plain.iter().map(|finish| {
            let outcome = RunOutcome::Succeeded;
            let successor = None;
            (lease_of(finish), Finished::Completed { outcome, successor })
        }));
    } else {
        // Not all of them could be completed plainly: each is looked at by itself.
        rest.extend(plain);
        rest.sort_unstable_by_key(|finish| finish.run.id);
    }
    if !rest.is_empty() {
        known.extend(again_on_conflict(|| complete_rest(runs, &rest)).await?);
    }
    if known.values().any(has_successor) {
        runs.shared.ring();
    }
    let answer = |finish: &Finish| {
        let known = known.get(&lease_of(finish)).cloned();
        known.unwrap_or(Finished::LeaseLost)
    };
    Ok(finishes.iter().map(answer).collect())
}

fn has_successor(finished: &Finished) -> bool {
    match finished {
        Finished::Completed { successor, .. } => successor.is_some(),
        Finished::LeaseLost => false,
    }
}

/// A success that leaves nothing with the run.
fn is_plain(finish: &Finish) -> bool {
    finish.work == Work::Succeeded && finish.result.is_none() && finish.output.is_none()
}

/// Completes plain successes in one call; answers with how many.
async fn complete_plainly(runs: &PostgresRuns, finishes: &[&Finish]) -> PortResult<usize> {
    if finishes.is_empty() {
        return Ok(0);
    }
    let asked = || {
        let keys = Keys::of(finishes);
        runs.shared
            .query(include_str!("../sql/finish_plain.sql"))
            .bind(keys.runs)
            .bind(keys.workspaces)
            .bind(keys.leases)
    };
    let rows = runs.shared.call_durably(asked, OPERATION).await?;
    let completed = rows
        .first()
        .map(|row| Columns::of(row, OPERATION).number("completed"));
    completed.unwrap_or(Ok(0))
}

/// Completes whatever is not a plain success, and finds what was completed before.
async fn complete_rest(
    runs: &PostgresRuns,
    finishes: &[&Finish],
) -> PortResult<HashMap<Lease, Finished>> {
    let mut write = runs.shared.write(OPERATION).await?;
    let finished = complete_rest_in(runs, write.connection(), finishes).await?;
    write.commit().await?;
    Ok(finished)
}

async fn complete_rest_in(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    finishes: &[&Finish],
) -> PortResult<HashMap<Lease, Finished>> {
    let mut outcomes = complete(runs, connection, finishes).await?;
    let next: Vec<Next<'_>> = finishes
        .iter()
        .filter(|finish| outcomes.get(&lease_of(finish)) == Some(&RunOutcome::Failed))
        .filter_map(|finish| {
            let successor = finish.successor.as_ref()?;
            Some(Next {
                predecessor: finish.run.id,
                id: successor.id,
                wait: successor.wait,
                requested_by: None,
            })
        })
        .collect();
    let mut successors = succeed(runs, connection, &next, OPERATION).await?;
    if outcomes.len() < finishes.len() {
        let before = finished_before(runs, connection, finishes, &outcomes).await?;
        let ids: Vec<RunId> = before.keys().map(Lease::run).collect();
        successors.extend(successors_of(runs, connection, &ids, OPERATION).await?);
        outcomes.extend(before);
    }
    let finished = |(lease, outcome): (Lease, RunOutcome)| {
        let successor = successors.get(&lease.run()).cloned();
        (lease, Finished::Completed { outcome, successor })
    };
    Ok(outcomes.into_iter().map(finished).collect())
}

async fn complete(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    finishes: &[&Finish],
) -> PortResult<HashMap<Lease, RunOutcome>> {
    let keys = Keys::of(finishes);
    let parts: Vec<Parts<'_>> = finishes.iter().map(|finish| parts(&finish.work)).collect();
    let outcomes: Vec<&str> = parts.iter().map(|(outcome, ..)| outcome.as_str()).collect();
    let json = |text: &dyn Fn(&Finish) -> Option<JsonText>| -> Vec<Option<String>> {
        let text = |finish: &&Finish| text(finish).map(|text| text.as_str().to_owned());
        finishes.iter().map(text).collect()
    };
    let failures: Vec<Option<&str>> = parts
        .iter()
        .map(|(_, failure, _)| failure.map(|failure| failure.code.as_str()))
        .collect();
    let messages: Vec<Option<String>> = parts
        .iter()
        .map(|(_, failure, _)| failure.map(|failure| storable(&failure.message)))
        .collect();
    let cancelled_by: Vec<Option<&str>> = parts
        .iter()
        .map(|(_, _, note)| note.map(|note| note.by.as_str()))
        .collect();
    let reasons: Vec<Option<String>> = parts
        .iter()
        .map(|(_, _, note)| note.and_then(|note| note.reason.as_deref().map(storable)))
        .collect();
    let rows = runs
        .shared
        .query(include_str!("../sql/finish.sql"))
        .bind(keys.runs)
        .bind(keys.workspaces)
        .bind(keys.leases)
        .bind(outcomes)
        .bind(json(&|finish| finish.result.clone()))
        .bind(json(&|finish| finish.output.clone()))
        .bind(failures)
        .bind(messages)
        .bind(cancelled_by)
        .bind(reasons)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    read_outcomes(&rows)
}

/// What finds completions: run, workspace and lease.
struct Keys<'a> {
    runs: Vec<Uuid>,
    workspaces: Vec<&'a str>,
    leases: Vec<Uuid>,
}

impl<'a> Keys<'a> {
    fn of(finishes: &[&'a Finish]) -> Self {
        Self {
            runs: finishes.iter().map(|one| one.run.id.as_uuid()).collect(),
            workspaces: finishes
                .iter()
                .map(|one| one.run.workspace_id.as_str())
                .collect(),
            leases: finishes.iter().map(|one| one.lease_id.as_uuid()).collect(),
        }
    }
}

type Parts<'a> = (RunOutcome, Option<&'a Failure>, Option<&'a CancelNote>);

fn parts(work: &Work) -> Parts<'_> {
    match work {
        Work::Succeeded => (RunOutcome::Succeeded, None, None),
        Work::PartiallySucceeded => (RunOutcome::PartiallySucceeded, None, None),
        Work::Failed(failure) => (RunOutcome::Failed, Some(failure), None),
        Work::Cancelled(note) => (RunOutcome::Cancelled, None, Some(note)),
    }
}

/// Completions that are on record under the same lease already.
async fn finished_before(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    finishes: &[&Finish],
    now_finished: &HashMap<Lease, RunOutcome>,
) -> PortResult<HashMap<Lease, RunOutcome>> {
    let rest: Vec<&Finish> = finishes
        .iter()
        .copied()
        .filter(|finish| !now_finished.contains_key(&lease_of(finish)))
        .collect();
    let keys = Keys::of(&rest);
    let rows = runs
        .shared
        .query(include_str!("../sql/finished_before.sql"))
        .bind(keys.runs)
        .bind(keys.workspaces)
        .bind(keys.leases)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    read_outcomes(&rows)
}

fn read_outcomes(rows: &[PgRow]) -> PortResult<HashMap<Lease, RunOutcome>> {
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
