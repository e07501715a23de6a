//! The scopes that starts rest on: locked together with other starts, against changes, and compared.

use std::collections::{BTreeSet, HashMap, HashSet};

use countersign_domain::{Revision, Timestamp, WorkspaceId};
use countersign_ports::{PortResult, Ruling};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use super::super::{PostgresRuns, clock};
use super::OPERATION;
use crate::error::{failed, is_lock_timeout};
use crate::rows::Columns;
use crate::transaction::Write;

/// How long a batch waits for changes under way, where it has nothing else to do. As a setting of the
/// transaction's.
const PATIENCE: &str = "SET LOCAL lock_timeout = '250ms'";

/// What the locks on scopes showed.
pub(super) struct Scopes {
    /// The clock, read while all of the locks were held.
    pub(super) now: Timestamp,
    revisions: Revisions,
    busy: HashSet<WorkspaceId>,
}

pub(super) enum Locked {
    Held(Scopes),
    /// There is nothing to be had: a change under way holds each of them.
    AllBusy,
}

/// Locks the scopes that are not being changed. Only a batch that could do nothing else waits for one.
pub(super) async fn lock_scopes(
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
    let rows = runs
        .shared
        .query(include_str!("../../sql/lock_scopes.sql"))
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
        None => clock(&runs.shared, write.connection(), OPERATION).await?,
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
    let rows = runs
        .shared
        .query(include_str!("../../sql/known_scopes.sql"))
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
    runs.shared
        .query(PATIENCE)
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    let rows = runs
        .shared
        .query(include_str!("../../sql/wait_for_scopes.sql"))
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
pub(super) enum Standing {
    Current,
    Moved,
    Busy,
}

impl Standing {
    pub(super) fn is_current(&self) -> bool {
        matches!(self, Self::Current)
    }
}

impl Scopes {
    pub(super) fn standing(&self, runs: &PostgresRuns, ruling: &Ruling) -> Standing {
        let holds = |holds| match holds {
            true => Standing::Current,
            false => Standing::Moved,
        };
        if ruling.bound().is_some() {
            return holds(ruling.holds_at(self.now));
        }
        let fence = ruling.fence();
        if fence.store != runs.shared.identity().id || fence.scopes.is_empty() {
            return Standing::Moved;
        }
        let busy = |workspace| self.busy.contains(workspace);
        if fence.scopes.iter().any(|scope| busy(&scope.workspace)) {
            return Standing::Busy;
        }
        let same = fence
            .scopes
            .iter()
            .all(|scope| self.revisions.get(&scope.workspace) == Some(&Some(scope.revision)));
        holds(same && ruling.holds_at(self.now))
    }

    /// The workspaces that are held.
    pub(super) fn names(&self) -> Vec<&str> {
        self.revisions.keys().map(WorkspaceId::as_str).collect()
    }
}
