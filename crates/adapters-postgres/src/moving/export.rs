//! Pages of what the store holds, in the order of its primary keys.

use countersign_domain::{RunId, ScopeRevision};
use countersign_ports::{
    LogEntry, MoveCursor, MovePage, Moved, MovedRun, Part, PortError, PortResult,
};
use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use uuid::Uuid;

use super::{PostgresMove, export_facts, foreign_cursor};
use crate::authority::read_log_entry;
use crate::error::failed;
use crate::rows::Columns;
use crate::stored_run::read_run_of;

const OPERATION: &str = "export";

pub(super) async fn export(
    store: &PostgresMove,
    part: Part,
    after: Option<&MoveCursor>,
    limit: u32,
) -> PortResult<MovePage> {
    match part {
        Part::Facts => export_facts::export(store, after, limit).await,
        Part::Scopes => scopes(store, after, limit).await,
        Part::Log => log(store, after, limit).await,
        Part::Runs => runs(store, after, limit).await,
    }
}

/// The rows of a page.
pub(super) async fn rows(
    store: &PostgresMove,
    query: Query<'static, Postgres, PgArguments>,
    limit: u32,
) -> PortResult<Vec<PgRow>> {
    let mut snapshot = store.shared.read(OPERATION).await?;
    let rows = query
        .bind(i64::from(limit))
        .fetch_all(&mut *snapshot)
        .await
        .map_err(failed(OPERATION))?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
    Ok(rows)
}

async fn scopes(
    store: &PostgresMove,
    after: Option<&MoveCursor>,
    limit: u32,
) -> PortResult<MovePage> {
    // No id is empty.
    let after = after.map_or("", |cursor| cursor.0.as_str()).to_owned();
    let query = store.shared.query(include_str!("../sql/export_scopes.sql"));
    let rows = rows(store, query.bind(after), limit).await?;
    let read = |row: &PgRow| {
        let mut columns = Columns::of(row, OPERATION);
        Ok(ScopeRevision {
            workspace: columns.parsed("workspace id")?,
            revision: columns.revision()??,
        })
    };
    let scopes: Vec<ScopeRevision> = rows.iter().map(read).collect::<PortResult<_>>()?;
    let last = scopes.last().map(|scope| scope.workspace.to_string());
    Ok(page(scopes.into_iter().map(Moved::Scope), last, limit))
}

async fn log(store: &PostgresMove, after: Option<&MoveCursor>, limit: u32) -> PortResult<MovePage> {
    let read = |cursor: &MoveCursor| cursor.0.parse().map_err(|_| foreign_cursor(cursor));
    let after: i64 = after.map_or(Ok(0), read)?;
    let query = store.shared.query(include_str!("../sql/export_log.sql"));
    let rows = rows(store, query.bind(after), limit).await?;
    let entries: Vec<LogEntry> = rows
        .iter()
        .map(|row| read_log_entry(row, OPERATION))
        .collect::<PortResult<_>>()?;
    let last = entries.last().map(|entry| entry.seq.to_string());
    Ok(page(entries.into_iter().map(Moved::Log), last, limit))
}

async fn runs(
    store: &PostgresMove,
    after: Option<&MoveCursor>,
    limit: u32,
) -> PortResult<MovePage> {
    let read = |cursor: &MoveCursor| {
        let id: Result<RunId, _> = cursor.0.parse();
        id.map(|id| id.as_uuid())
            .map_err(|_| foreign_cursor(cursor))
    };
    let after = after.map_or(Ok(Uuid::nil()), read)?;
    let query = store.shared.query(include_str!("../sql/export_runs.sql"));
    let rows = rows(store, query.bind(after), limit).await?;
    let runs: Vec<MovedRun> = rows.iter().map(read_moved).collect::<PortResult<_>>()?;
    let last = runs.last().map(|moved| moved.run.id.to_string());
    let runs = runs.into_iter().map(|run| Moved::Run(Box::new(run)));
    Ok(page(runs, last, limit))
}

fn read_moved(row: &PgRow) -> PortResult<MovedRun> {
    let mut columns = Columns::of(row, OPERATION);
    let run = read_run_of(&mut columns, OPERATION)?;
    let put_off_until = columns.optional_time()?;
    let lease_id = columns.optional_uuid()?;
    let lease_expires_at = columns.optional_time()?;
    let max_attempts: Option<i32> = columns.take()?;
    let max_attempts = max_attempts.map(u32::try_from).transpose();
    let max_attempts =
        max_attempts.map_err(|error| PortError::corrupt(OPERATION, "limit of attempts", error))?;
    let lease = lease_id.map(|id| (id, lease_expires_at));
    Ok(MovedRun::of(run, put_off_until, lease, max_attempts))
}

/// A page; one that is not full is the last.
fn page(items: impl Iterator<Item = Moved>, last: Option<String>, limit: u32) -> MovePage {
    let items: Vec<Moved> = items.collect();
    let full = items.len() >= limit as usize;
    MovePage {
        next: last.filter(|_| full).map(MoveCursor),
        items,
    }
}
