//! Pages of what the file holds, in the order of its primary keys.

use countersign_domain::ScopeRevision;
use countersign_ports::{LogEntry, MoveCursor, MovePage, Moved, MovedRun, Part, PortResult};
use sqlx::sqlite::SqliteRow;

use super::{SqliteMove, export_facts, foreign_cursor};
use crate::authority::read_log_entry;
use crate::error::failed;
use crate::rows::Columns;
use crate::stored_run::read_run;

const OPERATION: &str = "export";

pub(super) async fn export(
    store: &SqliteMove,
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

async fn scopes(
    store: &SqliteMove,
    after: Option<&MoveCursor>,
    limit: u32,
) -> PortResult<MovePage> {
    // No id is empty.
    let after = after.map_or("", |cursor| cursor.0.as_str());
    let rows = sqlx::query(include_str!("../sql/export_scopes.sql"))
        .bind(after.to_owned())
        .bind(limit)
        .fetch_all(store.shared.readers())
        .await
        .map_err(failed(OPERATION))?;
    let read = |row: &SqliteRow| {
        let mut columns = Columns::of(row, OPERATION);
        Ok(ScopeRevision {
            workspace: columns.parsed("workspace id")?,
            revision: columns.revision()?,
        })
    };
    let scopes: Vec<ScopeRevision> = rows.iter().map(read).collect::<PortResult<_>>()?;
    let last = scopes.last().map(|scope| scope.workspace.to_string());
    Ok(page(scopes.into_iter().map(Moved::Scope), last, limit))
}

async fn log(store: &SqliteMove, after: Option<&MoveCursor>, limit: u32) -> PortResult<MovePage> {
    let rows = sqlx::query(include_str!("../sql/export_log.sql"))
        .bind(number(after)?)
        .bind(limit)
        .fetch_all(store.shared.readers())
        .await
        .map_err(failed(OPERATION))?;
    let entries: Vec<LogEntry> = rows
        .iter()
        .map(|row| read_log_entry(row, OPERATION))
        .collect::<PortResult<_>>()?;
    let last = entries.last().map(|entry| entry.seq.to_string());
    Ok(page(entries.into_iter().map(Moved::Log), last, limit))
}

async fn runs(store: &SqliteMove, after: Option<&MoveCursor>, limit: u32) -> PortResult<MovePage> {
    let rows = sqlx::query(concat!(
        include_str!("../sql/run_columns.sql"),
        include_str!("../sql/export_runs.sql")
    ))
    .bind(number(after)?)
    .bind(limit)
    .fetch_all(store.shared.readers())
    .await
    .map_err(failed(OPERATION))?;
    let mut last = None;
    let mut runs = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut columns = Columns::of(row, OPERATION);
        let run = read_run(columns.text()?, OPERATION)?;
        last = Some(columns.integer()?.to_string());
        let put_off_until = columns.time("put off until")?;
        let lease_id = columns.optional("lease id")?;
        let lease_expires_at = columns.optional_time("lease expires at")?;
        runs.push(MovedRun::of(
            run,
            Some(put_off_until),
            lease_id.map(|id| (id, lease_expires_at)),
            columns.optional_number("limit of attempts")?,
        ));
    }
    let runs = runs.into_iter().map(|run| Moved::Run(Box::new(run)));
    Ok(page(runs, last, limit))
}

/// The number after which a page begins.
fn number(after: Option<&MoveCursor>) -> PortResult<i64> {
    let read = |cursor: &MoveCursor| cursor.0.parse().map_err(|_| foreign_cursor(cursor));
    after.map_or(Ok(0), read)
}

/// A page; one that is not full is the last.
pub(super) fn page(
    items: impl Iterator<Item = Moved>,
    last: Option<String>,
    limit: u32,
) -> MovePage {
    let items: Vec<Moved> = items.collect();
    let full = items.len() >= limit as usize;
    MovePage {
        next: last.filter(|_| full).map(MoveCursor),
        items,
    }
}
