//! A run as its hash holds it.

use countersign_domain::{
    CancelNote, DecisionId, Failure, FailureCode, JsonText, OperationRun, ReasonCode, RulingText,
    RunStatus, SubmittedContext, Timestamp,
};
use countersign_ports::{PortError, PortErrorKind, PortResult, QueueEntry, RunKey};
use redis::Value;

use crate::rows::Columns;

/// The fields of a run, in the order in which they are read. Times are microseconds since 1970.
const FIELDS: [&str; 30] = [
    "status",
    "outcome",
    "tenant",
    "initiator",
    "mode",
    "type",
    "connection",
    "priority",
    "unique_key",
    "queue",
    "chain",
    "attempt",
    "retry_of",
    "requested_by",
    "queued_at",
    "due_at",
    "put_off_until",
    "undecided_since",
    "started_at",
    "completed_at",
    "decision",
    "ruling",
    "reason",
    "continuity",
    "result",
    "output",
    "failure_code",
    "failure_message",
    "cancel_by",
    "cancel_reason",
];

/// A run without what is kept apart from it: the submitter's context, and the ruling.
pub(crate) struct StoredRun {
    pub(crate) key: RunKey,
    run: OperationRun,
    decision_id: Option<DecisionId>,
    /// The number of the ruling that the decision was made under.
    pub(crate) ruling: Option<u64>,
    /// Why it was blocked.
    pub(crate) reason: Option<ReasonCode>,
    put_off_until: Option<Timestamp>,
}

impl StoredRun {
    /// The fields to ask for.
    pub(crate) fn fields() -> &'static [&'static str] {
        &FIELDS
    }

    /// Reads a run; none where no field is set. Whatever does not read is `Corrupt`, never a default.
    pub(crate) fn read(
        key: RunKey,
        value: Value,
        operation: &'static str,
    ) -> PortResult<Option<Self>> {
        let mut columns = Columns::of(value, operation)?;
        if columns.are_nil() {
            return Ok(None);
        }
        Self::read_fields(key, &mut columns, operation).map(Some)
    }

    fn read_fields(
        key: RunKey,
        columns: &mut Columns,
        operation: &'static str,
    ) -> PortResult<Self> {
        let at = Place {
            run: key.clone(),
            operation,
        };
        let (status, outcome): (RunStatus, _) =
            (columns.parsed("status")?, columns.parsed("outcome")?);
        let mut run = OperationRun {
            id: key.id,
            workspace_id: key.workspace_id.clone(),
            status,
            outcome,
            tenant_id: columns.parsed("tenant id")?,
            initiator: columns.optional("initiator")?,
            authority_mode: columns.parsed("authority mode")?,
            operation_type: columns.parsed("operation type")?,
            provider_connection_id: columns.optional("connection id")?,
            priority: columns.parsed("priority")?,
            unique_key: columns.optional("unique key")?,
            queue_name: columns.parsed("queue name")?,
            chain_id: columns.parsed("chain id")?,
            attempt: columns.parsed("attempt")?,
            retry_of: columns.optional("predecessor")?,
            requested_by: columns.optional("who asked for a retry")?,
            queued_at: columns.time("queued at")?,
            due_at: columns.time("due at")?,
            undecided_since: None,
            started_at: None,
            completed_at: None,
            context: SubmittedContext::default(),
            decision: None,
            continuity: None,
            result: None,
            output: None,
            failure: None,
            cancel: None,
        };
        let put_off_until = columns.optional_time("put off until")?;
        run.undecided_since = columns.optional_time("undecided since")?;
        run.started_at = columns.optional_time("started at")?;
        run.completed_at = columns.optional_time("completed at")?;
        let decision_id = columns.optional("decision id")?;
        let ruling = columns.optional("ruling")?;
        let reason = columns.optional("reason code")?;
        run.continuity = at.json("continuity", columns.optional_text("continuity")?)?;
        run.result = at.json("result", columns.optional_text("result")?)?;
        run.output = at.json("output", columns.optional_text("output")?)?;
        let code: Option<FailureCode> = columns.optional("failure code")?;
        let message = columns.optional_text("failure message")?;
        run.failure = code.map(|code| Failure {
            code,
            message: message.unwrap_or_default(),
        });
        let by = columns.optional("cancelled by")?;
        let reason_for_cancel = columns.optional_text("why it was cancelled")?;
        run.cancel = by.map(|by| CancelNote {
            by,
            reason: reason_for_cancel,
        });
        Ok(Self {
            key,
            run,
            decision_id,
            ruling,
            reason,
            put_off_until,
        })
    }

    /// The run as far as it is read.
    pub(crate) fn run(&self) -> &OperationRun {
        &self.run
    }

    /// Until when it was put off.
    pub(crate) fn put_off_until(&self) -> Option<Timestamp> {
        self.put_off_until
    }

    /// The entry that the queue ought to have.
    pub(crate) fn entry(&self) -> QueueEntry {
        let due_at = self.run.due_at;
        QueueEntry {
            run: self.key.clone(),
            operation_type: self.run.operation_type.clone(),
            queue_name: self.run.queue_name.clone(),
            priority: self.run.priority,
            due_at: self.put_off_until.map_or(due_at, |until| until.max(due_at)),
        }
    }

    /// The whole run. Without a context of its own where none was read.
    pub(crate) fn whole(
        self,
        context: Option<&str>,
        ruling: Option<&str>,
        operation: &'static str,
    ) -> PortResult<OperationRun> {
        let at = Place {
            run: self.key,
            operation,
        };
        let mut run = self.run;
        run.decision = at.decision(self.decision_id, ruling)?;
        if let Some(context) = context {
            run.context =
                SubmittedContext::stored(context).map_err(|error| at.corrupt("context", error))?;
        }
        Ok(run)
    }
}

/// Where a value was found, for the error that it may be.
struct Place {
    run: RunKey,
    operation: &'static str,
}

impl Place {
    fn json(&self, what: &'static str, text: Option<String>) -> PortResult<Option<JsonText>> {
        text.map(|text| JsonText::stored(text).map_err(|error| self.corrupt(what, error)))
            .transpose()
    }

    /// Decision id and ruling: both or neither.
    fn decision(
        &self,
        id: Option<DecisionId>,
        ruling: Option<&str>,
    ) -> PortResult<Option<JsonText>> {
        match (id, ruling) {
            (None, None) => Ok(None),
            (Some(id), Some(text)) => RulingText::stored(text)
                .map(|ruling| Some(ruling.record(id)))
                .map_err(|error| self.corrupt("ruling", error)),
            (Some(_), None) | (None, Some(_)) => {
                let detail = format!("the decision of run `{}` is not whole", self.run.id);
                Err(PortError::new(
                    PortErrorKind::Corrupt,
                    self.operation,
                    detail,
                ))
            }
        }
    }

    fn corrupt(
        &self,
        what: &'static str,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> PortError {
        let found = format_args!("{what} of run `{}`", self.run.id);
        PortError::corrupt(self.operation, found, error)
    }
}
