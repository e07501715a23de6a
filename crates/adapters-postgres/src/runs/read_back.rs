//! Finds out how a start ended whose call was not answered, and sees to it that one that has not been made never is.

use std::collections::HashMap;

use countersign_domain::{DecisionId, RunStatus, Timestamp};
use countersign_ports::{PortResult, ReadBack, Start};
use uuid::Uuid;

use super::PostgresRuns;
use crate::error::failed;
use crate::rows::Columns;

const OPERATION: &str = "read_back";

pub(super) async fn read_back(runs: &PostgresRuns, starts: &[Start]) -> PortResult<Vec<ReadBack>> {
    let ids: Vec<Uuid> = starts
        .iter()
        .map(|start| start.run().id.as_uuid())
        .collect();
    let mut write = runs.shared.write(OPERATION).await?;
    let rows = runs
        .shared
        .query(include_str!("../sql/read_back.sql"))
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
    let given_up: Vec<&Start> = starts
        .iter()
        .filter(|start| {
            let stands = found.get(&start.run().id);
            stands.is_some_and(|(status, _, _)| *status == RunStatus::Queued)
        })
        .collect();
    if !given_up.is_empty() {
        // What asks for them may still be under way.
        let runs_of = given_up.iter().map(|start| start.run().id.as_uuid());
        let decisions = given_up.iter().map(|start| start.decision_id().as_uuid());
        runs.shared
            .query(include_str!("../sql/bar.sql"))
            .bind(runs_of.collect::<Vec<Uuid>>())
            .bind(decisions.collect::<Vec<Uuid>>())
            .execute(write.connection())
            .await
            .map_err(failed(OPERATION))?;
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
