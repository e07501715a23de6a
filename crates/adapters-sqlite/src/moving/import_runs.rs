//! Runs as they were elsewhere: first what was ruled on them, then the runs, then their queue entries.

use std::collections::{HashMap, HashSet};

use countersign_domain::{
    ActorName, Failure, JsonText, OperationRun, RulingText, RunId, RunStatus, Timestamp,
};
use countersign_ports::{MovedRun, PortError, PortResult, QueueUpkeep};
use serde::Serialize;
use sqlx::SqliteConnection;

use super::SqliteMove;
use crate::error::failed;
use crate::rows::Columns;
use crate::runs::json;

const OPERATION: &str = "import";

/// Answers with the runs that were not there yet.
pub(super) async fn import_runs(
    store: &SqliteMove,
    connection: &mut SqliteConnection,
    runs: &[&MovedRun],
) -> PortResult<Vec<String>> {
    let mut known = known_runs(connection, runs).await?;
    // Of a run that is named twice the first one counts.
    let runs: Vec<&MovedRun> = runs
        .iter()
        .copied()
        .filter(|moved| known.insert(moved.run.id))
        .collect();
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let decisions = decisions(connection, &runs).await?;
    let rows: Vec<Row<'_>> = runs
        .iter()
        .zip(&decisions)
        .map(|(moved, decision)| Row::of(moved, decision.as_ref()))
        .collect();
    let added: Vec<String> = sqlx::query_scalar(include_str!("../sql/import_runs.sql"))
        .bind(json(&rows))
        .fetch_all(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    let is_queued = |moved: &&&MovedRun| moved.run.status == RunStatus::Queued;
    let queued: Vec<RunId> = runs
        .iter()
        .filter(is_queued)
        .map(|moved| moved.run.id)
        .collect();
    if !queued.is_empty() && store.upkeep == QueueUpkeep::InCommit {
        sqlx::query(include_str!("../sql/enqueue.sql"))
            .bind(json(&queued))
            .bind(store.shared.now().as_micros())
            .execute(connection)
            .await
            .map_err(failed(OPERATION))?;
    }
    Ok(added)
}

async fn known_runs(
    connection: &mut SqliteConnection,
    runs: &[&MovedRun],
) -> PortResult<HashSet<RunId>> {
    let ids: Vec<RunId> = runs.iter().map(|moved| moved.run.id).collect();
    let rows = sqlx::query(include_str!("../sql/known_runs.sql"))
        .bind(json(&ids))
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| Columns::of(row, OPERATION).parsed("run id"))
        .collect()
}

/// The decision of a run: its id, and the number of the ruling it was made under.
type Decided = (String, i64);

/// Writes what was ruled, once for all runs that share it, and answers with each run's decision.
async fn decisions(
    connection: &mut SqliteConnection,
    runs: &[&MovedRun],
) -> PortResult<Vec<Option<Decided>>> {
    let mut places: HashMap<(RulingText, u32), usize> = HashMap::new();
    let mut rulings: Vec<(String, u32, i64)> = Vec::new();
    let mut decided: Vec<Option<(String, usize)>> = Vec::with_capacity(runs.len());
    for moved in runs {
        let Some(record) = &moved.run.decision else {
            decided.push(None);
            continue;
        };
        let (id, ruling) = RulingText::of_record(record).map_err(|error| {
            PortError::corrupt(
                OPERATION,
                format_args!("decision of run `{}`", moved.run.id),
                error,
            )
        })?;
        // How long the lease was says the lease itself; of a run that never started there is no limit.
        let max_attempts = moved.max_attempts.unwrap_or(1);
        let place = *places
            .entry((ruling, max_attempts))
            .or_insert_with_key(|(ruling, _)| {
                rulings.push((ruling.as_str().to_owned(), max_attempts, 0));
                rulings.len() - 1
            });
        decided.push(Some((id.to_string(), place)));
    }
    let mut numbers: Vec<i64> = if rulings.is_empty() {
        Vec::new()
    } else {
        sqlx::query_scalar(include_str!("../sql/rule.sql"))
            .bind(json(&rulings))
            .fetch_all(connection)
            .await
            .map_err(failed(OPERATION))?
    };
    // Numbered in the order of the batch, whatever order they are answered in.
    numbers.sort_unstable();
    let number = |(id, place): (String, usize)| Some((id, *numbers.get(place)?));
    Ok(decided
        .into_iter()
        .map(|one| one.and_then(number))
        .collect())
}

/// The columns of a run, by name.
#[derive(Serialize)]
struct Row<'a> {
    id: RunId,
    workspace_id: &'a str,
    tenant_id: &'a str,
    initiator: Option<&'a str>,
    authority_mode: &'a str,
    operation_type: &'a str,
    provider_connection_id: Option<&'a str>,
    status: &'a str,
    outcome: &'a str,
    context: &'a str,
    decision_id: Option<&'a str>,
    ruling: Option<i64>,
    continuity: Option<&'a str>,
    result: Option<&'a str>,
    output: Option<&'a str>,
    failure_code: Option<&'a str>,
    failure_message: Option<&'a str>,
    cancel_by: Option<&'a str>,
    cancel_reason: Option<&'a str>,
    priority: i16,
    unique_key: Option<&'a str>,
    chain_id: RunId,
    attempt: u32,
    retry_of: Option<RunId>,
    requested_by: Option<&'a str>,
    queue_name: &'a str,
    queued_at: i64,
    due_at: i64,
    put_off_until: i64,
    undecided_since: Option<i64>,
    started_at: Option<i64>,
    completed_at: Option<i64>,
    lease_id: Option<String>,
    lease_expires_at: Option<i64>,
}

impl<'a> Row<'a> {
    fn of(moved: &'a MovedRun, decision: Option<&'a Decided>) -> Self {
        let run: &'a OperationRun = &moved.run;
        let failure: Option<&'a Failure> = run.failure.as_ref();
        let micros = |time: Option<Timestamp>| time.map(Timestamp::as_micros);
        Self {
            id: run.id,
            workspace_id: run.workspace_id.as_str(),
            tenant_id: run.tenant_id.as_str(),
            initiator: run.initiator.as_ref().map(AsRef::as_ref),
            authority_mode: run.authority_mode.as_str(),
            operation_type: run.operation_type.as_str(),
            provider_connection_id: run.provider_connection_id.as_ref().map(AsRef::as_ref),
            status: run.status.as_str(),
            outcome: run.outcome.as_str(),
            context: run.context.as_str(),
            decision_id: decision.map(|(id, _)| id.as_str()),
            ruling: decision.map(|(_, number)| *number),
            continuity: run.continuity.as_ref().map(JsonText::as_str),
            result: run.result.as_ref().map(JsonText::as_str),
            output: run.output.as_ref().map(JsonText::as_str),
            failure_code: failure.map(|failure| failure.code.as_str()),
            failure_message: failure.map(|failure| failure.message.as_str()),
            cancel_by: run.cancel.as_ref().map(|note| note.by.as_str()),
            cancel_reason: run.cancel.as_ref().and_then(|note| note.reason.as_deref()),
            priority: run.priority,
            unique_key: run.unique_key.as_ref().map(AsRef::as_ref),
            chain_id: run.chain_id,
            attempt: run.attempt,
            retry_of: run.retry_of,
            requested_by: run.requested_by.as_ref().map(ActorName::as_str),
            queue_name: run.queue_name.as_str(),
            queued_at: run.queued_at.as_micros(),
            due_at: run.due_at.as_micros(),
            put_off_until: micros(moved.put_off_until).unwrap_or(0),
            undecided_since: micros(run.undecided_since),
            started_at: micros(run.started_at),
            completed_at: micros(run.completed_at),
            lease_id: moved.lease_id.map(|lease| lease.to_string()),
            lease_expires_at: micros(moved.lease_expires_at),
        }
    }
}
