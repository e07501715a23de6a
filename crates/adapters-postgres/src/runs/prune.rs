//! Removes completed runs whose time is up. The page is read without a lock: what may go may go ever after.

use countersign_domain::{RunId, Timestamp};
use countersign_ports::{Candidate, PortResult, Prune, PrunePlace, Pruned, RunCursor};

use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{PostgresRuns, clock, uuids};
use crate::error::failed;
use crate::rows::{Columns, PgTime, readable};
use crate::transaction::again_on_conflict;

const OPERATION: &str = "prune";

/// Rulings removed in one transaction, which looks at every run once to find them.
const RULINGS_AT_ONCE: i64 = 20_000;

pub(super) async fn prune(runs: &PostgresRuns, prune: &Prune) -> PortResult<Pruned> {
    let (now, rows) = page(runs, prune).await?;
    // What is damaged stays, and keeps nothing else from going.
    let read = rows
        .iter()
        .map(|row| read(&mut Columns::of(row, OPERATION)));
    let (page, places): (Vec<Candidate>, Vec<PrunePlace>) = read.filter_map(readable).unzip();
    let is_last = rows.len() as u64 != u64::from(prune.limit);
    let chosen = prune.choose(now, page);
    let removed = match chosen.gone.is_empty() {
        true => 0,
        false => again_on_conflict(|| remove(runs, &chosen.gone)).await?,
    };
    if is_last {
        while again_on_conflict(|| remove_rulings(runs)).await? == RULINGS_AT_ONCE.cast_unsigned() {
        }
    }
    Ok(Pruned {
        removed,
        kept: chosen.kept,
        next: places.into_iter().next_back().filter(|_| !is_last),
    })
}

/// The clock, and the rows of the page.
async fn page(runs: &PostgresRuns, prune: &Prune) -> PortResult<(Timestamp, Vec<PgRow>)> {
    // Nothing is written: it is begun for its settings, which keep the page to the index.
    let mut read = runs.shared.write(OPERATION).await?;
    let now = clock(&runs.shared, read.connection(), OPERATION).await?;
    let after = prune.after.as_ref().and_then(|place| place.run);
    let rows = runs
        .shared
        .query(include_str!("../sql/aged.sql"))
        .bind(PgTime(
            after.map_or(Timestamp::UNIX_EPOCH, |after| after.queued_at),
        ))
        .bind(after.map_or(Uuid::nil(), |after| after.id.as_uuid()))
        .bind(PgTime(prune.cutoff(now)))
        .bind(i64::from(prune.limit))
        .fetch_all(read.connection())
        .await
        .map_err(failed(OPERATION))?;
    read.roll_back().await?;
    Ok((now, rows))
}

/// A run of the page, and its place.
fn read(columns: &mut Columns<'_>) -> PortResult<(Candidate, PrunePlace)> {
    let id = columns.run_id()?;
    let candidate = Candidate {
        id,
        outcome: columns.parsed("outcome")?,
        completed_at: columns.optional_time()?,
        predecessor: columns.optional_run_id()?,
    };
    let place = PrunePlace {
        workspace_id: columns.parsed("workspace id")?,
        run: Some(RunCursor {
            queued_at: columns.time()?,
            id,
        }),
    };
    Ok((candidate, place))
}

/// Removes runs, and with them what became of them; answers how many those were.
async fn remove(runs: &PostgresRuns, gone: &[RunId]) -> PortResult<u64> {
    let mut write = runs.shared.write(OPERATION).await?;
    let removed = runs
        .shared
        .query(include_str!("../sql/remove_runs.sql"))
        .bind(uuids(gone))
        .execute(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    write.commit().await?;
    Ok(removed.rows_affected())
}

/// Removes rulings that no run is left of, and answers how many. No index knows the runs of a ruling, as each start would
/// have to write it.
async fn remove_rulings(runs: &PostgresRuns) -> PortResult<u64> {
    let mut write = runs.shared.write_thoroughly(OPERATION).await?;
    let removed = runs
        .shared
        .query(include_str!("../sql/remove_rulings.sql"))
        .bind(RULINGS_AT_ONCE)
        .execute(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    write.commit().await?;
    Ok(removed.rows_affected())
}
