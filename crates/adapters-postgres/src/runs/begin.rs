//! The fence: one call that compares every revision under locks that exclude changes, then moves what is still queued.

use std::collections::{HashMap, HashSet};

use countersign_domain::{RunId, Timestamp};
use countersign_ports::{
    Begun, PortError, PortErrorKind, PortResult, QueueUpkeep, RetryClass, Ruling, Start,
};
use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use uuid::Uuid;

use self::asked::{Rulings, Starts};
use super::PostgresRuns;
use crate::rows::Columns;

mod asked;
pub(super) mod pace;

const OPERATION: &str = "begin";

pub(super) async fn begin(runs: &PostgresRuns, starts: &[Start]) -> PortResult<Vec<Begun>> {
    let mut named = HashSet::with_capacity(starts.len());
    let mut firsts: Vec<&Start> = starts
        .iter()
        .filter(|start| named.insert(start.run().id) && !start.is_spent())
        .collect();
    // In one order, so that two batches that share runs do not wait for each other.
    firsts.sort_unstable_by_key(|start| start.run().id);
    let mut committed = Vec::new();
    let mut left = firsts;
    while !left.is_empty() {
        match begin_once(runs, &left).await {
            Ok(mut ended) => {
                left = std::mem::take(&mut ended.left);
                committed.push(ended);
            }
            Err(error) if committed.is_empty() || error.retry() == RetryClass::ReadBack => {
                return Err(error);
            }
            // Some have begun. The rest meet whatever is wrong when they are tried again.
            Err(_) => break,
        }
    }
    let mut answers = HashMap::with_capacity(starts.len());
    let untold = left
        .iter()
        .map(|start| (start.run().id, Begun::AuthorityBusy));
    answers.extend(untold);
    // After the last await, so that a dropped call loses no permit.
    for ended in committed {
        ended.answer(&mut answers);
    }
    // Of a run that is named twice the first is answered, by whatever became of it.
    let answer = |start: &Start| answers.remove(&start.run().id).unwrap_or(Begun::NotQueued);
    Ok(starts.iter().map(answer).collect())
}

/// What a call that has committed came to. Starts that are in none of the lists are of runs that are not queued any more.
struct Ended<'a> {
    now: Timestamp,
    begun: Vec<&'a Start>,
    /// Queued runs whose authority moved.
    moved: Vec<RunId>,
    /// Runs whose authority is being changed.
    busy: Vec<RunId>,
    /// What it left to another call, to let a change in.
    left: Vec<&'a Start>,
}

impl<'a> Ended<'a> {
    /// Reads what a call answered for these starts, whose rulings have these places.
    fn read(row: &PgRow, starts: &[&'a Start], places: &[usize]) -> PortResult<Self> {
        let mut columns = Columns::of(row, OPERATION);
        let mut ended = Self {
            now: columns.time()?,
            begun: Vec::with_capacity(starts.len()),
            moved: Vec::new(),
            busy: Vec::new(),
            left: Vec::new(),
        };
        let (held, busy): (Vec<bool>, Vec<bool>) = (columns.take()?, columns.take()?);
        let mut ids = || -> PortResult<HashSet<Uuid>> {
            Ok(columns.take::<Vec<Uuid>>()?.into_iter().collect())
        };
        let (still_queued, unmoved) = (ids()?, ids()?);
        let upto: usize = columns.number("start")?;
        for (at, (start, place)) in starts.iter().zip(places).enumerate() {
            let id = start.run().id;
            match (held.get(*place), busy.get(*place)) {
                (Some(true), Some(false)) if at >= upto => ended.left.push(start),
                (Some(true), Some(false)) if !unmoved.contains(&id.as_uuid()) => {
                    ended.begun.push(start);
                }
                (Some(false), Some(true)) => ended.busy.push(id),
                (Some(false), Some(false)) if still_queued.contains(&id.as_uuid()) => {
                    ended.moved.push(id);
                }
                (Some(_), Some(_)) => {}
                (None, _) | (_, None) => return Err(unreadable()),
            }
        }
        Ok(ended)
    }

    fn answer(self, answers: &mut HashMap<RunId, Begun>) {
        answers.extend(
            self.begun
                .iter()
                .map(|start| (start.run().id, start.committed(self.now))),
        );
        answers.extend(self.moved.into_iter().map(|id| (id, Begun::AuthorityMoved)));
        answers.extend(self.busy.into_iter().map(|id| (id, Begun::AuthorityBusy)));
    }
}

async fn begin_once<'a>(runs: &PostgresRuns, starts: &[&'a Start]) -> PortResult<Ended<'a>> {
    let (rulings, places) = Ruling::distinct(starts);
    let asked = || call(runs, &rulings, starts, &places);
    let rows = runs.shared.call_durably(asked, OPERATION).await?;
    let row = rows.first().ok_or_else(unreadable)?;
    let ended = Ended::read(row, starts, &places)?;
    if !ended.left.is_empty() {
        runs.pace.gave_way();
    } else if ended.busy.is_empty() {
        runs.pace.went_through();
    }
    Ok(ended)
}

fn call(
    runs: &PostgresRuns,
    rulings: &[&Ruling],
    starts: &[&Start],
    places: &[usize],
) -> Query<'static, Postgres, PgArguments> {
    let store = runs.shared.identity().id;
    let rulings = Rulings::of(rulings, store);
    let starts = Starts::of(starts, places);
    runs.shared
        .query(include_str!("../sql/begin.sql"))
        .bind(store.as_uuid())
        .bind(rulings.records)
        .bind(rulings.attempts)
        .bind(rulings.by_age)
        .bind(rulings.until)
        .bind(rulings.scopes.rulings)
        .bind(rulings.scopes.workspaces)
        .bind(rulings.scopes.counters)
        .bind(rulings.scopes.nonces)
        .bind(starts.runs)
        .bind(starts.workspaces)
        .bind(starts.decisions)
        .bind(starts.rulings)
        .bind(starts.reasons)
        .bind(starts.leases)
        .bind(starts.lease_micros)
        .bind(runs.pace.piece())
        .bind(runs.upkeep == QueueUpkeep::InCommit)
}

fn unreadable() -> PortError {
    let detail = "what was answered is not what becomes of starts";
    PortError::new(PortErrorKind::Corrupt, OPERATION, detail)
}
