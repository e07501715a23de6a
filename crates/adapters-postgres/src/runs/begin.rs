//! The fence: under locks that exclude changes, compare every revision, then move what is still queued.

use std::collections::{BTreeSet, HashMap, HashSet};

use countersign_domain::{DecisionId, Revision, RunId, RunStatus, Timestamp, WorkspaceId};
use countersign_ports::{Begun, PortResult, ReadBack, Ruling, Start};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{PostgresRuns, clock};
use crate::error::{failed, is_lock_timeout};
use crate::rows::{Columns, PgTime};
use crate::transaction::{Write, again_on_conflict};

const OPERATION: &str = "begin";

/// How long a batch waits for changes under way, where it has nothing else to do. As a setting of the
/// transaction's.
const PATIENCE: &str = "SET LOCAL lock_timeout = '250ms'";

pub(super) async fn begin(runs: &PostgresRuns, starts: &[Start]) -> PortResult<Vec<Begun>> {
    let mut named = HashSet::with_capacity(starts.len());
    let mut firsts: Vec<&Start> = starts
        .iter()
        .filter(|start| named.insert(start.run().id))
        .collect();
    // In one order, so that two batches that share runs do not wait for each other.
    firsts.sort_unstable_by_key(|start| start.run().id);
    let ended = again_on_conflict(|| begin_once(runs, &firsts)).await?;
    // Of a run that is named twice the first is answered, by whatever became of it.
    let mut answers = ended.answers();
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
}

impl Ended<'_> {
    fn answers(self) -> HashMap<RunId, Begun> {
        let mut answers = HashMap::with_capacity(self.begun.len());
        answers.extend(
            self.begun
                .iter()
                .map(|start| (start.run().id, start.committed(self.now))),
        );
        answers.extend(self.moved.into_iter().map(|id| (id, Begun::AuthorityMoved)));
        answers.extend(self.busy.into_iter().map(|id| (id, Begun::AuthorityBusy)));
        answers
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
                now: Timestamp::UNIX_EPOCH,
                begun: Vec::new(),
                moved: HashSet::new(),
                busy: starts.iter().map(|start| start.run().id).collect(),
            });
        }
    };
    let standings: Vec<Standing> = rulings
        .iter()
        .map(|ruling| standing(runs, ruling, &scopes))
        .collect();
    let mut current = Vec::with_capacity(starts.len());
    let mut moved = Vec::new();
    let mut busy = Vec::new();
    for (start, place) in starts.iter().zip(places) {
        match standings.get(place) {
            Some(Standing::Current) => current.push((*start, place)),
            Some(Standing::Busy) => busy.push(start.run().id),
            Some(Standing::Moved) | None => moved.push(*start),
        }
    }
    let now = scopes.now;
    let begun = transition(runs, write.connection(), &rulings, &current, now).await?;
    let ids: Vec<Uuid> = begun.iter().map(|start| start.run().id.as_uuid()).collect();
    runs.dequeue(write.connection(), &ids, OPERATION).await?;
    let moved = still_queued(runs, write.connection(), &moved).await?;
    write.commit().await?;
    Ok(Ended {
        now,
        begun,
        moved,
        busy,
    })
}

/// What the locks on scopes showed.
struct Scopes {
    /// The clock, read while all of the locks were held.
    now: Timestamp,
    revisions: Revisions,
    busy: HashSet<WorkspaceId>,
}

enum Locked {
    Held(Scopes),
    /// There is nothing to be had: a change under way holds each of them.
    AllBusy,
}

/// Locks the scopes that are not being changed. Only a batch that could do nothing else waits for one.
async fn lock_scopes(
    runs: &PostgresRuns,
    write: &mut Write,
    rulings: &[&Ruling],
) -> PortResult<Locked> {
    let wanted: Vec<&WorkspaceId> = rulings
        .iter()
        .filter(|ruling| ruling.bound().is_none())
        .flat_map(|ruling| ruling.fence().scopes.iter().map(|scope| &scope.workspace))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let names: Vec<&str> = wanted.iter().map(|workspace| workspace.as_str()).collect();
    let rows = sqlx::query(runs.shared.sql(include_str!("../sql/lock_scopes.sql")))
        .bind(names)
        .bind(runs.shared.identity().id.as_uuid())
        .fetch_all(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let (mut revisions, mut now) = read_scopes(&rows)?;
    let missing: Vec<&str> = wanted
        .into_iter()
        .filter(|workspace| !revisions.contains_key(*workspace))
        .map(WorkspaceId::as_str)
        .collect();
    let (mut busy, announced) = known(runs, write.connection(), &missing).await?;
    let nothing_else = revisions.is_empty() && rulings.iter().all(|one| one.bound().is_none());
    if nothing_else && !busy.is_empty() && busy.len() == missing.len() {
        // To share a row that somebody waits for would pass them by.
        if announced {
            return Ok(Locked::AllBusy);
        }
        let Some(rows) = wait_for_scopes(runs, write.connection(), &missing).await? else {
            return Ok(Locked::AllBusy);
        };
        (revisions, now) = read_scopes(&rows)?;
        busy = HashSet::new();
    }
    let now = match now {
        Some(now) => now,
        None => clock(write.connection(), OPERATION).await?,
    };
    Ok(Locked::Held(Scopes {
        now,
        revisions,
        busy,
    }))
}

/// None for a record that cannot be read: no fence names that one.
type Revisions = HashMap<WorkspaceId, Option<Revision>>;

/// The columns workspace, counter, nonce, and a clock of which the latest counts.
fn read_scopes(rows: &[PgRow]) -> PortResult<(Revisions, Option<Timestamp>)> {
    let mut revisions = HashMap::with_capacity(rows.len());
    let mut now = None;
    for row in rows {
        let mut columns = Columns::of(row, OPERATION);
        revisions.insert(columns.parsed("workspace id")?, columns.revision()?.ok());
        now = now.max(Some(columns.time()?));
    }
    Ok((revisions, now))
}

/// Which of these have a scope record at all, and whether somebody waits to change any of them.
async fn known(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    workspaces: &[&str],
) -> PortResult<(HashSet<WorkspaceId>, bool)> {
    if workspaces.is_empty() {
        return Ok((HashSet::new(), false));
    }
    let rows = sqlx::query(runs.shared.sql(include_str!("../sql/known_scopes.sql")))
        .bind(workspaces)
        .bind(runs.shared.identity().id.as_uuid())
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    let mut known = HashSet::with_capacity(rows.len());
    let mut any_announced = false;
    for row in &rows {
        let mut columns = Columns::of(row, OPERATION);
        known.insert(columns.parsed("workspace id")?);
        any_announced |= columns.take::<bool>()?;
    }
    Ok((known, any_announced))
}

/// Waits for scopes that are being changed, but not for long; none where they were not to be had.
async fn wait_for_scopes(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    workspaces: &[&str],
) -> PortResult<Option<Vec<PgRow>>> {
    sqlx::query(PATIENCE)
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    let rows = sqlx::query(runs.shared.sql(include_str!("../sql/wait_for_scopes.sql")))
        .bind(workspaces)
        .fetch_all(connection)
        .await;
    match rows {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if is_lock_timeout(&error) => Ok(None),
        Err(error) => Err(failed(OPERATION)(error)),
    }
}

/// How a ruling stands to the authority of now.
enum Standing {
    Current,
    Moved,
    Busy,
}

fn standing(runs: &PostgresRuns, ruling: &Ruling, scopes: &Scopes) -> Standing {
    let holds = |holds| match holds {
        true => Standing::Current,
        false => Standing::Moved,
    };
    // Whatever lapses does so by the authority store's clock, which is not this one.
    if let Some(bound) = ruling.bound() {
        return holds(scopes.now <= bound.read_at.plus(bound.max_age));
    }
    let fence = ruling.fence();
    if fence.store != runs.shared.identity().id || fence.scopes.is_empty() {
        return Standing::Moved;
    }
    if fence
        .scopes
        .iter()
        .any(|scope| scopes.busy.contains(&scope.workspace))
    {
        return Standing::Busy;
    }
    let same = fence
        .scopes
        .iter()
        .all(|scope| scopes.revisions.get(&scope.workspace) == Some(&Some(scope.revision)));
    let lapses_at = ruling.decision().lapses_at();
    holds(same && lapses_at.is_none_or(|lapses_at| scopes.now < lapses_at))
}

/// Moves the runs that are still queued; answers with their starts.
async fn transition<'a>(
    runs: &PostgresRuns,
    connection: &mut PgConnection,
    rulings: &[&Ruling],
    starts: &[(&'a Start, usize)],
    now: Timestamp,
) -> PortResult<Vec<&'a Start>> {
    if starts.is_empty() {
        return Ok(Vec::new());
    }
    let numbers = rule(runs, connection, rulings).await?;
    let mut rows = Rows::with_capacity(starts.len());
    for (start, place) in starts {
        let Some(number) = numbers.get(*place) else {
            continue;
        };
        rows.push(start, *number, now);
    }
    let moved = sqlx::query(runs.shared.sql(include_str!("../sql/begin.sql")))
        .bind(&rows.runs)
        .bind(&rows.workspaces)
        .bind(&rows.decisions)
        .bind(&rows.rulings)
        .bind(&rows.reasons)
        .bind(&rows.leases)
        .bind(&rows.leases_until)
        .bind(PgTime(now))
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    let moved: HashSet<RunId> = moved
        .iter()
        .map(|row| Columns::of(row, OPERATION).run_id())
        .collect::<PortResult<_>>()?;
    // Driven by what came back, not by what was sent.
    Ok(starts
        .iter()
        .map(|(start, _)| *start)
        .filter(|start| moved.contains(&start.run().id))
        .collect())
}

/// What `sql/begin.sql` binds.
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
    fn with_capacity(starts: usize) -> Self {
        Self {
            runs: Vec::with_capacity(starts),
            workspaces: Vec::with_capacity(starts),
            decisions: Vec::with_capacity(starts),
            rulings: Vec::with_capacity(starts),
            reasons: Vec::with_capacity(starts),
            leases: Vec::with_capacity(starts),
            leases_until: Vec::with_capacity(starts),
        }
    }

    fn push(&mut self, start: &'a Start, ruling: i64, now: Timestamp) {
        self.runs.push(start.run().id.as_uuid());
        self.workspaces.push(start.run().workspace_id.as_str());
        self.decisions.push(start.decision_id().as_uuid());
        self.rulings.push(ruling);
        self.reasons
            .push(start.decision().reason().map(|reason| reason.as_str()));
        self.leases.push(start.lease_id().as_uuid());
        self.leases_until.push(PgTime(now.plus(start.lease_for())));
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
    let rows = sqlx::query(runs.shared.sql(include_str!("../sql/rule.sql")))
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
    sqlx::query(runs.shared.sql(include_str!("../sql/clear_undecided.sql")))
        .bind(&ids)
        .bind(&workspaces)
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    let rows = sqlx::query(runs.shared.sql(include_str!("../sql/still_queued.sql")))
        .bind(&ids)
        .bind(&workspaces)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| Columns::of(row, OPERATION).run_id())
        .collect()
}

pub(super) async fn read_back(runs: &PostgresRuns, starts: &[Start]) -> PortResult<Vec<ReadBack>> {
    const OPERATION: &str = "read_back";
    let ids: Vec<Uuid> = starts
        .iter()
        .map(|start| start.run().id.as_uuid())
        .collect();
    let mut write = runs.shared.write(OPERATION).await?;
    let rows = sqlx::query(runs.shared.sql(include_str!("../sql/read_back.sql")))
        .bind(ids)
        .fetch_all(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let mut columns = Columns::of(row, OPERATION);
        let id = columns.run_id()?;
        let status: RunStatus = columns.parsed("status")?;
        let decision: Option<DecisionId> = columns.optional_uuid()?;
        found.insert(id, (status, decision, columns.optional_time()?));
    }
    write.commit().await?;
    Ok(starts
        .iter()
        .map(|start| match found.get(&start.run().id) {
            Some((_, Some(decision), started_at)) if *decision == start.decision_id() => {
                ReadBack::Committed(start.committed(started_at.unwrap_or(Timestamp::UNIX_EPOCH)))
            }
            Some((RunStatus::Queued, _, _)) => {
                start.abandon();
                ReadBack::StillQueued
            }
            Some((RunStatus::Running | RunStatus::Completed, _, _)) | None => ReadBack::NotQueued,
        })
        .collect())
}
