//! Rescues runs whose lease has lapsed: each ends, and a successor takes its place.

use std::collections::HashMap;

use countersign_domain::{RunId, RunOutcome};
use countersign_ports::{PortResult, Rescue, Rescued, fresh_run_id};

use super::succeed::{Next, succeed};
use super::{SqliteRuns, json};
use crate::error::failed;
use crate::rows::Columns;

pub(super) async fn rescue(runs: &SqliteRuns, rescue: &Rescue) -> PortResult<Vec<Rescued>> {
    const OPERATION: &str = "rescue";
    let mut write = runs.shared.write(OPERATION).await?;
    let now = runs.shared.now();
    let rows = sqlx::query(include_str!("../sql/lapsed.sql"))
        .bind(now.as_micros())
        .bind(rescue.limit)
        .fetch_all(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let mut lapsed: Vec<(RunId, bool)> = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut columns = Columns::of(row, OPERATION);
        lapsed.push((columns.parsed("run id")?, columns.flag()?));
    }
    let ids: Vec<RunId> = lapsed.iter().map(|(id, _)| *id).collect();
    let rows = sqlx::query(include_str!("../sql/rescue.sql"))
        .bind(json(&ids))
        .bind(now.as_micros())
        .fetch_all(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    let mut outcomes: HashMap<RunId, RunOutcome> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let mut columns = Columns::of(row, OPERATION);
        outcomes.insert(columns.parsed("run id")?, columns.parsed("outcome")?);
    }
    let next: Vec<Next<'_>> = lapsed
        .iter()
        .filter(|(id, again)| *again && outcomes.get(id) == Some(&RunOutcome::Failed))
        .map(|(id, _)| Next {
            predecessor: *id,
            id: fresh_run_id(),
            due_at: now,
            requested_by: None,
        })
        .collect();
    let mut successors = succeed(runs, write.connection(), &next, now, OPERATION).await?;
    write.commit().await?;
    if !successors.is_empty() {
        runs.shared.bell().notify_one();
    }
    Ok(ids
        .into_iter()
        .filter(|id| outcomes.contains_key(id))
        .map(|id| Rescued {
            run: id,
            successor: successors.remove(&id),
        })
        .collect())
}
