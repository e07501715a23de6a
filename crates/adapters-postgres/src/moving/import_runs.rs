//! Runs as they were elsewhere: first what was ruled on them, then the runs as they were queued, then what
//! became of each, by the transitions that it made: every guard looks at them as at any other.

use std::collections::{HashMap, HashSet};

use countersign_domain::{
    ActorName, DecisionId, Failure, JsonText, LeaseId, OperationRun, RulingText, RunId, RunStatus,
    Timestamp,
};
use countersign_ports::{MovedRun, PortError, PortResult, QueueUpkeep};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::PostgresMove;
use crate::error::failed;
use crate::rows::{Columns, storable};

const OPERATION: &str = "import";

/// Answers with the runs that were not there yet.
pub(super) async fn import_runs(
    store: &PostgresMove,
    connection: &mut PgConnection,
    runs: &[&MovedRun],
) -> PortResult<Vec<String>> {
    let mut known = known_runs(store, connection, runs).await?;
    // Of a run that is named twice the first one counts.
    let runs: Vec<&MovedRun> = runs
        .iter()
        .copied()
        .filter(|moved| known.insert(moved.run.id))
        .collect();
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let decisions = decisions(store, connection, &runs).await?;
    let rows: Vec<Row<'_>> = runs
        .iter()
        .zip(&decisions)
        .map(|(moved, decision)| Row::of(moved, decision.as_ref()))
        .collect();
    let batch = serde_json::to_string(&rows)
        .map_err(|error| PortError::corrupt(OPERATION, "runs to be imported", error))?;
    let added: Vec<Uuid> = {
        let rows = store
            .shared
            .query(include_str!("../sql/import_runs.sql"))
            .bind(batch.as_str())
            .fetch_all(&mut *connection)
            .await
            .map_err(failed(OPERATION))?;
        let id = |row| Columns::of(row, OPERATION).take();
        rows.iter().map(id).collect::<PortResult<_>>()?
    };
    for statement in [
        include_str!("../sql/import_started.sql"),
        include_str!("../sql/import_became.sql"),
    ] {
        store
            .shared
            .query(statement)
            .bind(batch.as_str())
            .bind(&added)
            .execute(&mut *connection)
            .await
            .map_err(failed(OPERATION))?;
    }
    if store.upkeep == QueueUpkeep::InCommit {
        let is_queued = |moved: &&&MovedRun| moved.run.status == RunStatus::Queued;
        let queued = runs.iter().filter(is_queued);
        let queued: Vec<Uuid> = queued.map(|moved| moved.run.id.as_uuid()).collect();
        store
            .shared
            .query(include_str!("../sql/enqueue.sql"))
            .bind(queued)
            .execute(connection)
            .await
            .map_err(failed(OPERATION))?;
    }
    Ok(added.iter().map(Uuid::to_string).collect())
}

async fn known_runs(
    store: &PostgresMove,
    connection: &mut PgConnection,
    runs: &[&MovedRun],
) -> PortResult<HashSet<RunId>> {
    let ids: Vec<Uuid> = runs.iter().map(|moved| moved.run.id.as_uuid()).collect();
    let rows = store
        .shared
        .query(include_str!("../sql/known_runs.sql"))
        .bind(ids)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    rows.iter()
        .map(|row| Columns::of(row, OPERATION).run_id())
        .collect()
}

/// The decision of a run: its id, and the number of the ruling it was made under.
type Decided = (DecisionId, i64);

/// Writes what was ruled, once for all runs that share it, and answers with each run's decision.
async fn decisions(
    store: &PostgresMove,
    connection: &mut PgConnection,
    runs: &[&MovedRun],
) -> PortResult<Vec<Option<Decided>>> {
    let mut places: HashMap<(RulingText, u32), usize> = HashMap::new();
    let (mut records, mut limits): (Vec<String>, Vec<i32>) = (Vec::new(), Vec::new());
    let mut decided: Vec<Option<(DecisionId, usize)>> = Vec::with_capacity(runs.len());
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
        // Of a run that never started there is no limit.
        let max_attempts = moved.max_attempts.unwrap_or(1);
        let place = *places
            .entry((ruling, max_attempts))
            .or_insert_with_key(|(ruling, _)| {
                records.push(ruling.as_str().to_owned());
                limits.push(i32::try_from(max_attempts).unwrap_or(i32::MAX));
                records.len() - 1
            });
        decided.push(Some((id, place)));
    }
    let rows = store
        .shared
        .query(include_str!("../sql/rule.sql"))
        .bind(records)
        .bind(limits)
        .fetch_all(connection)
        .await
        .map_err(failed(OPERATION))?;
    let number = |row| Columns::of(row, OPERATION).take();
    let numbers: Vec<i64> = rows.iter().map(number).collect::<PortResult<_>>()?;
    let numbered = |(id, place): (DecisionId, usize)| Some((id, *numbers.get(place)?));
    Ok(decided
        .into_iter()
        .map(|one| one.and_then(numbered))
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
    decision_id: Option<DecisionId>,
    ruling: Option<i64>,
    continuity: Option<&'a str>,
    result: Option<&'a str>,
    output: Option<&'a str>,
    failure_code: Option<&'a str>,
    failure_message: Option<String>,
    cancel_by: Option<&'a str>,
    cancel_reason: Option<String>,
    priority: i16,
    unique_key: Option<&'a str>,
    chain_id: RunId,
    attempt: u32,
    retry_of: Option<RunId>,
    requested_by: Option<&'a str>,
    queue_name: &'a str,
    queued_at: Timestamp,
    due_at: Timestamp,
    put_off_until: Option<Timestamp>,
    undecided_since: Option<Timestamp>,
    started_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    lease_id: Option<LeaseId>,
    lease_expires_at: Option<Timestamp>,
}

impl<'a> Row<'a> {
    fn of(moved: &'a MovedRun, decision: Option<&'a Decided>) -> Self {
        let run: &'a OperationRun = &moved.run;
        let failure: Option<&'a Failure> = run.failure.as_ref();
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
            decision_id: decision.map(|(id, _)| *id),
            ruling: decision.map(|(_, number)| *number),
            continuity: run.continuity.as_ref().map(JsonText::as_str),
            result: run.result.as_ref().map(JsonText::as_str),
            output: run.output.as_ref().map(JsonText::as_str),
            failure_code: failure.map(|failure| failure.code.as_str()),
            failure_message: failure.map(|failure| storable(&failure.message)),
            cancel_by: run.cancel.as_ref().map(|note| note.by.as_str()),
            cancel_reason: run
                .cancel
                .as_ref()
                .and_then(|note| note.reason.as_deref())
                .map(storable),
            priority: run.priority,
            unique_key: run.unique_key.as_ref().map(AsRef::as_ref),
            chain_id: run.chain_id,
            attempt: run.attempt,
            retry_of: run.retry_of,
            requested_by: run.requested_by.as_ref().map(ActorName::as_str),
            queue_name: run.queue_name.as_str(),
            queued_at: run.queued_at,
            due_at: run.due_at,
            put_off_until: moved.put_off_until,
            undecided_since: run.undecided_since,
            started_at: run.started_at,
            completed_at: run.completed_at,
            lease_id: moved.lease_id,
            lease_expires_at: moved.lease_expires_at,
        }
    }
}
