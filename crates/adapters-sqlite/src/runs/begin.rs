//! The fence: under the write lock, compare every revision, then move what is still queued.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use countersign_domain::{DecisionId, Revision, RunId, RunStatus, Timestamp, WorkspaceId};
use countersign_ports::{Begun, PortError, PortErrorKind, PortResult, ReadBack, Ruling, Start};
use sqlx::SqliteConnection;

use super::{SqliteRuns, json};
use crate::error::failed;
use crate::rows::Columns;

const OPERATION: &str = "begin";

pub(super) async fn begin(runs: &SqliteRuns, starts: &[Start]) -> PortResult<Vec<Begun>> {
    let mut named = HashSet::with_capacity(starts.len());
    let (firsts, left_out): (Vec<&Start>, Vec<&Start>) = starts
        .iter()
        .partition(|start| named.insert(start.run().id) && !start.is_spent());
    // What can be made ready is, before anybody waits for the lock.
    let mut batch = Batch::of(firsts);
    let mut write = runs.shared.write(OPERATION).await?;
    // The clock is read after the lock is held: nothing commits between this and the transition.
    let now = runs.shared.now();
    let revisions = current_revisions(write.connection(), &batch.rulings).await?;
    let moved = batch.set_aside(|ruling| !is_current(runs, ruling, &revisions, now));
    let begun = transition(write.connection(), &batch, now).await?;
    runs.dequeue(write.connection(), begun.ids(&batch), OPERATION)
        .await?;
    let queued = still_queued(write.connection(), &moved).await?;
    write.commit().await?;
    if left_out.is_empty() && moved.is_empty() && matches!(begun, Moved::All) {
        return Ok(starts.iter().map(|start| start.committed(now)).collect());
    }
    // Of a run that is named twice the first is answered, by whatever became of it.
    let mut answers: HashMap<RunId, Begun> = HashMap::with_capacity(starts.len());
    answers.extend(
        batch
            .starts
            .iter()
            .filter(|start| begun.has(start))
            .map(|start| (start.run().id, start.committed(now))),
    );
    answers.extend(queued.into_iter().map(|id| (id, Begun::AuthorityMoved)));
    let answer = |start: &Start| answers.remove(&start.run().id).unwrap_or(Begun::NotQueued);
    Ok(starts.iter().map(answer).collect())
}

/// Starts of different runs, made ready for their statements.
struct Batch<'a> {
    starts: Vec<&'a Start>,
    rulings: Vec<&'a Ruling>,
    /// For each start the place of its ruling.
    places: Vec<usize>,
    /// What `sql/begin.sql` binds.
    rows: String,
    /// The runs, for `sql/dequeue.sql`.
    ids: String,
}

impl<'a> Batch<'a> {
    fn of(starts: Vec<&'a Start>) -> Self {
        let (rulings, places) = Ruling::distinct(&starts);
        let rows: Vec<String> = starts
            .iter()
            .zip(&places)
            .map(|(start, place)| row(start, *place))
            .collect();
        let ids: Vec<RunId> = starts.iter().map(|start| start.run().id).collect();
        Self {
            rows: json(&rows),
            ids: json(&ids),
            starts,
            rulings,
            places,
        }
    }

    /// Takes out the starts under such rulings.
    fn set_aside(&mut self, is_such: impl Fn(&Ruling) -> bool) -> Vec<&'a Start> {
        let such: Vec<bool> = self.rulings.iter().map(|ruling| is_such(ruling)).collect();
        if such.iter().all(|such| !such) {
            return Vec::new();
        }
        let (aside, rest): (Vec<_>, Vec<_>) = self
            .starts
            .iter()
            .zip(&self.places)
            .partition(|(_, place)| such.get(**place).copied().unwrap_or(true));
        let starts =
            |pairs: Vec<(&&'a Start, &usize)>| pairs.into_iter().map(|(start, _)| *start).collect();
        let aside = starts(aside);
        *self = Self::of(starts(rest));
        aside
    }
}

fn row(start: &Start, place: usize) -> String {
    let mut row = String::with_capacity(3 * 36 + 4);
    let (run, decision, lease) = (start.run().id, start.decision_id(), start.lease_id());
    // Writing to a string does not fail.
    let _written = write!(row, "{run}{decision}{lease}{place}");
    row
}

fn is_current(
    runs: &SqliteRuns,
    ruling: &Ruling,
    revisions: &HashMap<WorkspaceId, Revision>,
    now: Timestamp,
) -> bool {
    let is_fenced = || {
        let fence = ruling.fence();
        fence.store == runs.shared.identity().id
            && !fence.scopes.is_empty()
            && fence
                .scopes
                .iter()
                .all(|scope| revisions.get(&scope.workspace) == Some(&scope.revision))
    };
    ruling.holds_at(now) && (ruling.bound().is_some() || is_fenced())
}

async fn current_revisions(
    connection: &mut SqliteConnection,
    rulings: &[&Ruling],
) -> PortResult<HashMap<WorkspaceId, Revision>> {
    let scopes: HashSet<&WorkspaceId> = rulings
        .iter()
        .filter(|ruling| ruling.bound().is_none())
        .flat_map(|ruling| ruling.fence().scopes.iter().map(|scope| &scope.workspace))
        .collect();
    let rows = sqlx::query(include_str!("../sql/scope_revisions.sql"))
        .bind(json(&scopes))
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::of(row, OPERATION);
            Ok((columns.parsed("workspace id")?, columns.revision()?))
        })
        .collect()
}

/// Which runs of a batch were still queued and have moved.
enum Moved {
    All,
    These(HashSet<RunId>),
}

impl Moved {
    fn has(&self, start: &Start) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.contains(&start.run().id),
        }
    }

    fn ids(&self, batch: &Batch<'_>) -> String {
        match self {
            Self::All => batch.ids.clone(),
            Self::These(ids) => json(ids),
        }
    }
}

/// Moves the runs that are still queued.
async fn transition(
    connection: &mut SqliteConnection,
    batch: &Batch<'_>,
    now: Timestamp,
) -> PortResult<Moved> {
    if batch.starts.is_empty() {
        return Ok(Moved::All);
    }
    let first_ruling = rule(connection, &batch.rulings, now).await?;
    let moved = sqlx::query(include_str!("../sql/begin.sql"))
        .bind(batch.rows.as_str())
        .bind(now.as_micros())
        .bind(first_ruling)
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    if moved.rows_affected() == batch.starts.len() as u64 {
        return Ok(Moved::All);
    }
    let rows = sqlx::query(include_str!("../sql/begun.sql"))
        .bind(batch.rows.as_str())
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    let ids = rows
        .iter()
        .map(|row| Columns::of(row, OPERATION).parsed("run id"))
        .collect::<PortResult<_>>()?;
    Ok(Moved::These(ids))
}

/// Writes what was ruled; the first of them has the number that this answers with, the others follow.
async fn rule(
    connection: &mut SqliteConnection,
    rulings: &[&Ruling],
    now: Timestamp,
) -> PortResult<i64> {
    let rows: Vec<_> = rulings
        .iter()
        .map(|ruling| {
            let lease = now.plus(ruling.lease_for()).as_micros() - now.as_micros();
            (ruling.text().as_str(), ruling.max_attempts(), lease)
        })
        .collect();
    let rows = sqlx::query(include_str!("../sql/rule.sql"))
        .bind(json(&rows))
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    let numbers = rows
        .iter()
        .map(|row| Columns::of(row, OPERATION).integer())
        .collect::<PortResult<Vec<i64>>>()?;
    match (numbers.iter().min(), numbers.iter().max()) {
        (Some(first), Some(last)) if last - first + 1 == rulings.len() as i64 => Ok(*first),
        _ => {
            let detail = "rulings were not numbered one after the other";
            Err(PortError::new(PortErrorKind::Other, OPERATION, detail))
        }
    }
}

/// Of the starts whose authority moved, the runs that are still queued: those may be judged again. As
/// authority could be read for them, they are no longer undecided (G6).
async fn still_queued(
    connection: &mut SqliteConnection,
    moved: &[&Start],
) -> PortResult<HashSet<RunId>> {
    if moved.is_empty() {
        return Ok(HashSet::new());
    }
    let moved: Vec<(RunId, &WorkspaceId)> = moved
        .iter()
        .map(|start| (start.run().id, &start.run().workspace_id))
        .collect();
    let batch = json(&moved);
    sqlx::query(include_str!("../sql/clear_undecided.sql"))
        .bind(batch.clone())
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    let rows = sqlx::query(include_str!("../sql/still_queued.sql"))
        .bind(batch)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| Columns::of(row, OPERATION).parsed("run id"))
        .collect()
}

pub(super) async fn read_back(runs: &SqliteRuns, starts: &[Start]) -> PortResult<Vec<ReadBack>> {
    const OPERATION: &str = "read_back";
    let ids: Vec<RunId> = starts.iter().map(|start| start.run().id).collect();
    // Under the write lock, so that a commit still under way has ended one way or the other.
    let mut write = runs.shared.write(OPERATION).await?;
    let rows = sqlx::query(include_str!("../sql/read_back.sql"))
        .bind(json(&ids))
        .fetch_all(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let mut columns = Columns::of(row, OPERATION);
        let id: RunId = columns.parsed("run id")?;
        let status: RunStatus = columns.parsed("status")?;
        let decision_id: Option<DecisionId> = columns.optional("decision id")?;
        found.insert(
            id,
            (status, decision_id, columns.optional_time("started at")?),
        );
    }
    let now = runs.shared.now();
    write.commit().await?;
    Ok(starts
        .iter()
        .map(|start| match found.get(&start.run().id) {
            Some((_, Some(decision_id), started_at)) if *decision_id == start.decision_id() => {
                ReadBack::Committed(start.committed(started_at.unwrap_or(now)))
            }
            Some((RunStatus::Queued, _, _)) => {
                start.abandon();
                ReadBack::StillQueued
            }
            Some((RunStatus::Running | RunStatus::Completed, _, _)) | None => ReadBack::NotQueued,
        })
        .collect())
}
