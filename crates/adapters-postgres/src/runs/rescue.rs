//! Rescues runs whose lease has lapsed: each ends, and a successor takes its place.

use std::collections::HashMap;
use std::time::Duration;

use countersign_domain::RunId;
use countersign_ports::{PortResult, Rescue, Rescued, fresh_run_id};

use super::succeed::{Next, succeed};
use super::{PostgresRuns, uuids};
use crate::error::failed;
use crate::rows::Columns;
use crate::transaction::again_on_conflict;

const OPERATION: &str = "rescue";

pub(super) async fn rescue(runs: &PostgresRuns, rescue: &Rescue) -> PortResult<Vec<Rescued>> {
    let rescued = again_on_conflict(|| rescue_once(runs, rescue)).await?;
    if rescued.iter().any(|one| one.successor.is_some()) {
        runs.shared.ring();
    }
    Ok(rescued)
}

async fn rescue_once(runs: &PostgresRuns, rescue: &Rescue) -> PortResult<Vec<Rescued>> {
    let mut write = runs.shared.write(OPERATION).await?;
    let rows = runs
        .shared
        .query(include_str!("../sql/lapsed.sql"))
        .bind(i64::from(rescue.limit))
        .fetch_all(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let lapsed: Vec<RunId> = rows
        .iter()
        .map(|row| Columns::of(row, OPERATION).run_id())
        .collect::<PortResult<_>>()?;
    if lapsed.is_empty() {
        write.roll_back().await?;
        return Ok(Vec::new());
    }
    let rows = runs
        .shared
        .query(include_str!("../sql/rescue.sql"))
        .bind(uuids(&lapsed))
        .fetch_all(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let mut again: HashMap<RunId, bool> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let mut columns = Columns::of(row, OPERATION);
        let id = columns.run_id()?;
        again.insert(id, columns.take::<Option<bool>>()?.unwrap_or(false));
    }
    let next: Vec<Next<'_>> = lapsed
        .iter()
        .filter(|id| again.get(id) == Some(&true))
        .map(|id| Next {
            predecessor: *id,
            id: fresh_run_id(),
            wait: Duration::ZERO,
            requested_by: None,
        })
        .collect();
    let mut successors = succeed(runs, write.connection(), &next, OPERATION).await?;
    write.commit().await?;
    Ok(lapsed
        .into_iter()
        .filter(|id| again.contains_key(id))
        .map(|id| Rescued {
            run: id,
            successor: successors.remove(&id),
        })
        .collect())
}
