//! A run as the statements answer with it: one JSON array a run, in the order of `sql/run_columns.sql`.

use std::borrow::Cow;

use countersign_domain::{
    ActorName, AuthorityMode, CancelNote, ConnectionId, DecisionId, Failure, FailureCode, JsonText,
    OperationRun, OperationType, QueueName, RulingText, RunId, RunOutcome, RunStatus,
    SubmittedContext, TenantId, Timestamp, UniqueKey, UserId, WorkspaceId,
};
use countersign_ports::{PortError, PortErrorKind, PortResult};
use serde::Deserialize;

/// The columns of a run. Times are microseconds since 1970.
#[derive(Deserialize)]
struct StoredRun<'a> {
    id: RunId,
    workspace_id: WorkspaceId,
    tenant_id: TenantId,
    initiator: Option<UserId>,
    authority_mode: AuthorityMode,
    operation_type: OperationType,
    provider_connection_id: Option<ConnectionId>,
    status: RunStatus,
    outcome: RunOutcome,
    #[serde(borrow)]
    context: Cow<'a, str>,
    decision_id: Option<DecisionId>,
    ruling: Option<String>,
    continuity: Option<String>,
    result: Option<String>,
    output: Option<String>,
    failure_code: Option<FailureCode>,
    failure_message: Option<String>,
    cancel_by: Option<ActorName>,
    cancel_reason: Option<String>,
    priority: i16,
    unique_key: Option<UniqueKey>,
    chain_id: RunId,
    attempt: u32,
    retry_of: Option<RunId>,
    requested_by: Option<ActorName>,
    queue_name: QueueName,
    queued_at: i64,
    due_at: i64,
    undecided_since: Option<i64>,
    started_at: Option<i64>,
    completed_at: Option<i64>,
}

/// Reads one run. Whatever does not read is `Corrupt`, never a default.
pub(crate) fn read_run(text: &str, operation: &'static str) -> PortResult<OperationRun> {
    let stored: StoredRun<'_> = serde_json::from_str(text)
        .map_err(|error| PortError::corrupt(operation, "a column of a run", error))?;
    let at = Place {
        run: stored.id,
        operation,
    };
    Ok(OperationRun {
        id: stored.id,
        workspace_id: stored.workspace_id,
        tenant_id: stored.tenant_id,
        initiator: stored.initiator,
        authority_mode: stored.authority_mode,
        operation_type: stored.operation_type,
        provider_connection_id: stored.provider_connection_id,
        status: stored.status,
        outcome: stored.outcome,
        context: SubmittedContext::stored(&stored.context)
            .map_err(|error| at.corrupt("context", error))?,
        decision: at.decision(stored.decision_id, stored.ruling)?,
        continuity: at.json("continuity", stored.continuity)?,
        result: at.json("result", stored.result)?,
        output: at.json("output", stored.output)?,
        failure: stored.failure_code.map(|code| Failure {
            code,
            message: stored.failure_message.unwrap_or_default(),
        }),
        cancel: stored.cancel_by.map(|by| CancelNote {
            by,
            reason: stored.cancel_reason,
        }),
        priority: stored.priority,
        unique_key: stored.unique_key,
        chain_id: stored.chain_id,
        attempt: stored.attempt,
        retry_of: stored.retry_of,
        requested_by: stored.requested_by,
        queue_name: stored.queue_name,
        queued_at: at.time("queued at", stored.queued_at)?,
        due_at: at.time("due at", stored.due_at)?,
        undecided_since: at.optional_time("undecided since", stored.undecided_since)?,
        started_at: at.optional_time("started at", stored.started_at)?,
        completed_at: at.optional_time("completed at", stored.completed_at)?,
    })
}

/// Where a value was found, for the error that it may be.
#[derive(Clone, Copy)]
struct Place {
    run: RunId,
    operation: &'static str,
}

impl Place {
    fn time(self, what: &'static str, micros: i64) -> PortResult<Timestamp> {
        Timestamp::from_micros(micros).map_err(|error| self.corrupt(what, error))
    }

    fn optional_time(
        self,
        what: &'static str,
        micros: Option<i64>,
    ) -> PortResult<Option<Timestamp>> {
        micros.map(|micros| self.time(what, micros)).transpose()
    }

    fn json(self, what: &'static str, text: Option<String>) -> PortResult<Option<JsonText>> {
        text.map(|text| JsonText::stored(text).map_err(|error| self.corrupt(what, error)))
            .transpose()
    }

    /// Decision id and ruling: both or neither.
    fn decision(
        self,
        id: Option<DecisionId>,
        ruling: Option<String>,
    ) -> PortResult<Option<JsonText>> {
        match (id, ruling) {
            (None, None) => Ok(None),
            (Some(id), Some(text)) => RulingText::stored(&text)
                .map(|ruling| Some(ruling.record(id)))
                .map_err(|error| self.corrupt("ruling", error)),
            (Some(_), None) | (None, Some(_)) => {
                let detail = format!("the decision of run `{}` is not whole", self.run);
                Err(PortError::new(
                    PortErrorKind::Corrupt,
                    self.operation,
                    detail,
                ))
            }
        }
    }

    fn corrupt(
        self,
        what: &'static str,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> PortError {
        let found = format_args!("{what} of run `{}`", self.run);
        PortError::corrupt(self.operation, found, error)
    }
}
