//! Removes completed runs whose time is up. The page is read beside the writer; the write lock is held for what goes.

use countersign_domain::RunId;
use countersign_ports::{Candidate, PortResult, Prune, PrunePlace, Pruned, RunCursor};

use super::{SqliteRuns, json};
use crate::error::failed;
use crate::rows::{Columns, readable};

const OPERATION: &str = "prune";

pub(super) async fn prune(runs: &SqliteRuns, prune: &Prune) -> PortResult<Pruned> {
    let now = runs.shared.now();
    let after = prune.after.as_ref().and_then(|place| place.run);
    let rows = sqlx::query(include_str!("../sql/aged.sql"))
        .bind(after.map_or(i64::MIN, |after| after.queued_at.as_micros()))
        .bind(after.map(|after| after.id.to_string()).unwrap_or_default())
        .bind(prune.cutoff(now).as_micros())
        .bind(prune.limit)
        .fetch_all(runs.shared.readers())
        .await
        .map_err(failed(OPERATION))?;
    // What is damaged stays, and keeps nothing else from going.
    let read = rows
        .iter()
        .map(|row| read(&mut Columns::of(row, OPERATION)));
    let (page, places): (Vec<Candidate>, Vec<PrunePlace>) = read.filter_map(readable).unzip();
    let is_last = rows.len() as u64 != u64::from(prune.limit);
    let chosen = prune.choose(now, page);
    Ok(Pruned {
        removed: remove(runs, &chosen.gone).await?,
        kept: chosen.kept,
        next: places.into_iter().next_back().filter(|_| !is_last),
    })
}

/// A run of the page, and its place.
fn read(columns: &mut Columns<'_>) -> PortResult<(Candidate, PrunePlace)> {
    let id = columns.parsed("run id")?;
    let candidate = Candidate {
        id,
        outcome: columns.parsed("outcome")?,
        completed_at: columns.optional_time("completed at")?,
        predecessor: columns.optional("predecessor")?,
    };
    let place = PrunePlace {
        workspace_id: columns.parsed("workspace id")?,
        run: Some(RunCursor {
            queued_at: columns.time("queued at")?,
            id,
        }),
    };
    Ok((candidate, place))
}

/// Removes runs, and the rulings that no run is left of; answers how many runs that were.
async fn remove(runs: &SqliteRuns, gone: &[RunId]) -> PortResult<u64> {
    if gone.is_empty() {
        return Ok(0);
    }
    let mut write = runs.shared.write(OPERATION).await?;
    let rows = sqlx::query(include_str!("../sql/remove_runs.sql"))
        .bind(json(&gone))
        .fetch_all(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let mut rulings = Vec::with_capacity(rows.len());
    for row in &rows {
        rulings.extend(Columns::of(row, OPERATION).optional_number::<i64>("ruling")?);
    }
    rulings.sort_unstable();
    rulings.dedup();
    sqlx::query(include_str!("../sql/remove_rulings.sql"))
        .bind(json(&rulings))
        .execute(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    write.commit().await?;
    Ok(rows.len() as u64)
}
