//! The fence: under locks that exclude changes, compare every revision, then move what is still queued.

use std::collections::{HashMap, HashSet};

use countersign_domain::{RunId, Timestamp};
use countersign_ports::{Begun, PortResult, QueueUpkeep, RetryClass, Ruling, Start};
use sqlx::PgConnection;
use uuid::Uuid;

use self::scopes::{Locked, Standing, lock_scopes};
use super::PostgresRuns;
use crate::error::failed;
use crate::rows::{Columns, PgTime};
use crate::transaction::again_on_conflict;

pub(super) mod pace;
mod scopes;

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
        match again_on_conflict(|| begin_once(runs, &left)).await {
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

/// What a committed transaction came to.
struct Ended<'a> {
    now: Timestamp,
    begun: Vec<&'a Start>,
    /// Queued runs whose authority moved.
    moved: HashSet<RunId>,
    /// Runs whose authority is being changed.
    busy: Vec<RunId>,
    /// What it left to another transaction, to let a change in.
    left: Vec<&'a Start>,
}

impl Ended<'_> {
    fn at(now: Timestamp) -> Self {
        Self {
            now,
            begun: Vec::new(),
            moved: HashSet::new(),
            busy: Vec::new(),
            left: Vec::new(),
        }
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
    let mut write = runs.shared.write(OPERATION).await?;
    let scopes = match lock_scopes(runs, &mut write, &rulings).await? {
        Locked::Held(scopes) => scopes,
        Locked::AllBusy => {
            write.roll_back().await?;
            return Ok(Ended {
                busy: starts.iter().map(|start| start.run().id).collect(),
                ..Ended::at(Timestamp::UNIX_EPOCH)
            });
        }
    };
    let standings: Vec<Standing> = rulings
        .iter()
        .map(|ruling| scopes.standing(runs, ruling))
        .collect();
    let numbers = match standings.iter().any(Standing::is_current) {
        true => rule(runs, write.connection(), &rulings).await?,
        false => Vec::new(),
    };
    let mut ended = Ended::at(scopes.now);
    let mut current = Vec::with_capacity(starts.len());
    let mut moved = Vec::new();
    for (start, place) in starts.iter().zip(places) {
        match (standings.get(place), numbers.get(place)) {
            (Some(Standing::Current), Some(number)) => current.push((*start, *number)),
            (Some(Standing::Busy), _) => ended.busy.push(start.run().id),
            (Some(Standing::Moved | Standing::Current) | None, _) => moved.push(*start),
        }
    }
    ended.moved = still_queued(runs, write.connection(), &moved).await?;
    let held = scopes.names();
    let mut rest = current.as_slice();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(runs.pace.piece().min(rest.len()));
        // The first piece gives way to nobody, so that every transaction gets on.
        let first = ended.begun.is_empty();
        let awaited = if first { &[] } else { held.as_slice() };
        let begun = transition(runs, write.connection(), piece, scopes.now, awaited).await?;
        if begun.is_empty() && !first {
            runs.pace.gave_way();
            break;
        }
        ended.begun.extend(begun);
        rest = after;
    }
    ended.left = rest.iter().map(|(start, _)| *start).collect();
    if ended.left.is_empty() && ended.busy.is_empty() {
        runs.pace.went_through();
    }
    write.commit().await?;
    Ok(ended)
}

/// Moves the runs that are still queued; answers with their starts. With none of them where somebody waits to
/// change a scope that is awaited.
async fn transition<'a>(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    starts: &[(&'a Start, i64)],
    now: Timestamp,
    awaited: &[&str],
) -> PortResult<Vec<&'a Start>> {
    let rows = Rows::of(starts, now);
    let moved = runs
        .shared
        .query(include_str!("../sql/begin.sql"))
        .bind(&rows.runs)
        .bind(&rows.workspaces)
        .bind(&rows.decisions)
        .bind(&rows.rulings)
        .bind(&rows.reasons)
        .bind(&rows.leases)
        .bind(&rows.leases_until)
        .bind(PgTime(now))
        .bind(awaited)
        .bind(runs.upkeep == QueueUpkeep::InCommit)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    let moved: usize = Columns::of(&moved, OPERATION).number("runs")?;
    let starts = starts.iter().map(|(start, _)| *start);
    if moved == starts.len() {
        return Ok(starts.collect());
    }
    if moved == 0 {
        return Ok(Vec::new());
    }
    // Driven by what moved, not by what was sent.
    let moved = runs
        .shared
        .query(include_str!("../sql/begun.sql"))
        .bind(&rows.runs)
        .bind(&rows.decisions)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    let moved: HashSet<RunId> = moved
        .iter()
        .map(|row| Columns::of(row, OPERATION).run_id())
        .collect::<PortResult<_>>()?;
    Ok(starts
        .filter(|start| moved.contains(&start.run().id))
        .collect())
}

/// What `sql/begin.sql` binds for starts and the numbers of their rulings.
struct Rows<'a> {
    runs: Vec<Uuid>,
    workspaces: Vec<&'a str>,
    decisions: Vec<Uuid>,
    rulings: Vec<i64>,
    reasons: Vec<Option<&'static str>>,
    leases: Vec<Uuid>,
    leases_until: Vec<PgTime>,
}

impl<'a> Rows<'a> {
    fn of(starts: &[(&'a Start, i64)], now: Timestamp) -> Self {
        macro_rules! each {
            ($start:ident => $of:expr) => {
                starts.iter().map(|($start, _)| $of).collect()
            };
        }
        Self {
            runs: each!(start => start.run().id.as_uuid()),
            workspaces: each!(start => start.run().workspace_id.as_str()),
            decisions: each!(start => start.decision_id().as_uuid()),
            rulings: starts.iter().map(|(_, ruling)| *ruling).collect(),
            reasons: each!(start => start.decision().reason().map(|reason| reason.as_str())),
            leases: each!(start => start.lease_id().as_uuid()),
            leases_until: each!(start => PgTime(now.plus(start.lease_for()))),
        }
    }
}

/// Writes what was ruled; answers with the numbers of the rulings.
async fn rule(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    rulings: &[&Ruling],
) -> PortResult<Vec<i64>> {
    let records: Vec<&str> = rulings.iter().map(|one| one.text().as_str()).collect();
    let attempts: Vec<i32> = rulings
        .iter()
        .map(|one| i32::try_from(one.max_attempts()).unwrap_or(i32::MAX))
        .collect();
    let rows = runs
        .shared
        .query(include_str!("../sql/rule.sql"))
        .bind(records)
        .bind(attempts)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| Columns::of(row, OPERATION).take())
        .collect()
}

/// Of the starts whose authority moved, the runs that are still queued: those may be judged again. As
/// authority could be read for them, they are no longer undecided (G6).
async fn still_queued(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    moved: &[&Start],
) -> PortResult<HashSet<RunId>> {
    if moved.is_empty() {
        return Ok(HashSet::new());
    }
    let ids: Vec<Uuid> = moved.iter().map(|start| start.run().id.as_uuid()).collect();
    let workspaces: Vec<&str> = moved
        .iter()
        .map(|start| start.run().workspace_id.as_str())
        .collect();
    runs.shared
        .query(include_str!("../sql/clear_undecided.sql"))
        .bind(&ids)
        .bind(&workspaces)
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    let rows = runs
        .shared
        .query(include_str!("../sql/still_queued.sql"))
        .bind(&ids)
        .bind(&workspaces)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| Columns::of(row, OPERATION).run_id())
        .collect()
}
