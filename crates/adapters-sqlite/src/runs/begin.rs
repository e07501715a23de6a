//! The fence: under the write lock, compare every revision, then move what is still queued.

use std::collections::{HashMap, HashSet};

use countersign_domain::{
    DecisionId, ReasonCode, Revision, RunId, RunStatus, Timestamp, WorkspaceId,
};
use countersign_ports::{Begun, PortResult, ReadBack, Start};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::tuples::Tuples;
use super::{SqliteRuns, json};
use crate::error::failed;
use crate::rows::Columns;

const OPERATION: &str = "begin";

/// Columns of one tuple of `sql/record_decisions.sql`, and of `sql/begin.sql`.
const RECORD_COLUMNS: usize = 4;
const BEGIN_COLUMNS: usize = 8;

pub(super) async fn begin(runs: &SqliteRuns, starts: &[Start]) -> PortResult<Vec<Begun>> {
    let mut write = runs.shared.write(OPERATION).await?;
    // The clock is read after the lock is held: nothing commits between this and the transition.
    let now = runs.shared.now();
    let revisions = current_revisions(write.connection(), starts).await?;
    let mut named = HashSet::with_capacity(starts.len());
    let judged: Vec<Standing> = starts
        .iter()
        .map(|start| {
            if !named.insert(start.run().id) {
                Standing::Repeated
            } else if is_current(runs, start, &revisions, now) {
                Standing::Current
            } else {
                Standing::Moved
            }
        })
        .collect();
    let moved = transition(write.connection(), starts, &judged, now).await?;
    let ids: Vec<RunId> = moved.iter().copied().collect();
    runs.dequeue(write.connection(), &ids, OPERATION).await?;
    let queued = still_queued(write.connection(), starts, &judged).await?;
    write.commit().await?;
    Ok(starts
        .iter()
        .zip(judged)
        .map(|(start, standing)| match standing {
            Standing::Current if moved.contains(&start.run().id) => start.committed(now),
            Standing::Moved if queued.contains(&start.run().id) => Begun::AuthorityMoved,
            Standing::Current | Standing::Repeated | Standing::Moved => Begun::NotQueued,
        })
        .collect())
}

/// How a start stands against the authority at this moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Current,
    Moved,
    Repeated,
}

fn is_current(
    runs: &SqliteRuns,
    start: &Start,
    revisions: &HashMap<WorkspaceId, Revision>,
    now: Timestamp,
) -> bool {
    match start.bound() {
        // Whatever lapses does so by the authority store's clock, which is not this one.
        Some(bound) => now <= bound.read_at.plus(bound.max_age),
        None => {
            let fence = start.fence();
            fence.store == runs.shared.identity().id
                && !fence.scopes.is_empty()
                && fence
                    .scopes
                    .iter()
                    .all(|scope| revisions.get(&scope.workspace) == Some(&scope.revision))
                && start
                    .decision()
                    .lapses_at()
                    .is_none_or(|lapses_at| now < lapses_at)
        }
    }
}

async fn current_revisions(
    connection: &mut SqliteConnection,
    starts: &[Start],
) -> PortResult<HashMap<WorkspaceId, Revision>> {
    let scopes: HashSet<&WorkspaceId> = starts
        .iter()
        .filter(|start| start.bound().is_none())
        .flat_map(|start| start.fence().scopes.iter().map(|scope| &scope.workspace))
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

static RECORD: Tuples = Tuples::new(include_str!("../sql/record_decisions.sql"), RECORD_COLUMNS);
static BEGIN: Tuples = Tuples::new(include_str!("../sql/begin.sql"), BEGIN_COLUMNS);

/// Moves the starts that are current and whose run is still queued; answers with those that moved.
async fn transition(
    connection: &mut SqliteConnection,
    starts: &[Start],
    judged: &[Standing],
    now: Timestamp,
) -> PortResult<HashSet<RunId>> {
    let current: Vec<&Start> = starts
        .iter()
        .zip(judged)
        .filter(|(_, standing)| **standing == Standing::Current)
        .map(|(start, _)| start)
        .collect();
    record(connection, &current).await?;
    let mut moved = HashSet::with_capacity(current.len());
    for chunk in BEGIN.chunks(&current) {
        let mut query = sqlx::query(AssertSqlSafe(chunk.statement)).bind(now.as_micros());
        for start in chunk.rows {
            query = query
                .bind(start.run().id.to_string())
                .bind(start.run().workspace_id.as_str())
                .bind(start.decision().is_allowed())
                .bind(start.decision().reason().map(ReasonCode::as_str))
                .bind(start.decision_id().to_string())
                .bind(start.lease_id().to_string())
                .bind(now.plus(start.lease_for()).as_micros())
                .bind(start.max_attempts());
        }
        for _ in 0..chunk.padding * BEGIN_COLUMNS {
            query = query.bind(None::<i64>);
        }
        let rows = query
            .fetch_all(&mut *connection)
            .await
            .map_err(failed(OPERATION))?;
        for row in &rows {
            moved.insert(Columns::of(row, OPERATION).parsed("run id")?);
        }
    }
    Ok(moved)
}

/// Writes the records of runs that are still queued, in the same commit (G4).
async fn record(connection: &mut SqliteConnection, starts: &[&Start]) -> PortResult<()> {
    for chunk in RECORD.chunks(starts) {
        let mut query = sqlx::query(AssertSqlSafe(chunk.statement));
        for start in chunk.rows {
            query = query
                .bind(start.run().id.to_string())
                .bind(start.run().workspace_id.as_str())
                .bind(start.decision_id().to_string())
                .bind(start.record().as_str());
        }
        for _ in 0..chunk.padding * RECORD_COLUMNS {
            query = query.bind(None::<i64>);
        }
        query
            .execute(&mut *connection)
            .await
            .map_err(failed(OPERATION))?;
    }
    Ok(())
}

/// Of the starts whose authority moved, the runs that are still queued: those may be judged again. As
/// authority could be read for them, they are no longer undecided (G6).
async fn still_queued(
    connection: &mut SqliteConnection,
    starts: &[Start],
    judged: &[Standing],
) -> PortResult<HashSet<RunId>> {
    let moved: Vec<(RunId, &WorkspaceId)> = starts
        .iter()
        .zip(judged)
        .filter(|(_, standing)| **standing == Standing::Moved)
        .map(|(start, _)| (start.run().id, &start.run().workspace_id))
        .collect();
    if moved.is_empty() {
        return Ok(HashSet::new());
    }
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
