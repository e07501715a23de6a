//! A run as `sql/run_columns.sql` answers with it.

use countersign_domain::{
    ActorName, CancelNote, DecisionId, Failure, FailureCode, JsonText, OperationRun, RulingText,
    RunId, RunOutcome, RunStatus, SubmittedContext,
};
use countersign_ports::{PortError, PortErrorKind, PortResult};
use sqlx::postgres::PgRow;

use crate::rows::Columns;

/// Reads one run. Whatever does not read is `Corrupt`, never a default.
pub(crate) fn read_run(row: &PgRow, operation: &'static str) -> PortResult<OperationRun> {
    read_run_of(&mut Columns::of(row, operation), operation)
}

/// The same where further columns follow.
pub(crate) fn read_run_of(
    columns: &mut Columns<'_>,
    operation: &'static str,
) -> PortResult<OperationRun> {
    let asked = read_asked(columns, operation)?;
    let at = Place {
        run: asked.id,
        operation,
    };
    Ok(OperationRun {
        status: columns.parsed("status")?,
        outcome: columns.parsed("outcome")?,
        decision: {
            let id = columns.optional_uuid()?;
            at.decision(id, columns.optional_text()?)?
        },
        continuity: at.json("continuity", columns.optional_text()?)?,
        result: at.json("result", columns.optional_text()?)?,
        output: at.json("output", columns.optional_text()?)?,
        failure: {
            let code: Option<FailureCode> = columns.optional("failure code")?;
            let message = columns.optional_text()?.unwrap_or_default();
            code.map(|code| Failure {
                code,
                message: message.to_owned(),
            })
        },
        cancel: {
            let by: Option<ActorName> = columns.optional("cancelled by")?;
            let reason = columns.optional_text()?.map(str::to_owned);
            by.map(|by| CancelNote { by, reason })
        },
        undecided_since: columns.optional_time()?,
        started_at: columns.optional_time()?,
        completed_at: columns.optional_time()?,
        ..asked
    })
}

/// Reads one queued run, as `sql/load.sql` answers with it.
pub(crate) fn read_queued(row: &PgRow, operation: &'static str) -> PortResult<OperationRun> {
    let mut columns = Columns::of(row, operation);
    let asked = read_asked(&mut columns, operation)?;
    Ok(OperationRun {
        undecided_since: columns.optional_time()?,
        ..asked
    })
}

/// What was asked, as a run that nothing has become of yet.
fn read_asked(columns: &mut Columns<'_>, operation: &'static str) -> PortResult<OperationRun> {
    let id = columns.run_id()?;
    let at = Place { run: id, operation };
    Ok(OperationRun {
        id,
        workspace_id: columns.parsed("workspace id")?,
        tenant_id: columns.parsed("tenant id")?,
        initiator: columns.optional("initiator")?,
        authority_mode: columns.parsed("authority mode")?,
        operation_type: columns.parsed("operation type")?,
        provider_connection_id: columns.optional("connection id")?,
        context: SubmittedContext::stored(columns.text()?)
            .map_err(|error| at.corrupt("context", error))?,
        priority: columns.take()?,
        unique_key: columns.optional("unique key")?,
        chain_id: columns.run_id()?,
        attempt: u32::try_from(columns.take::<i32>()?)
            .map_err(|error| at.corrupt("attempt", error))?,
        retry_of: columns.optional_run_id()?,
        requested_by: columns.optional("requested by")?,
        queue_name: columns.parsed("queue name")?,
        queued_at: columns.time()?,
        due_at: columns.time()?,
        status: RunStatus::Queued,
        outcome: RunOutcome::Pending,
        decision: None,
        continuity: None,
        result: None,
        output: None,
        failure: None,
        cancel: None,
        undecided_since: None,
        started_at: None,
        completed_at: None,
    })
}

/// Where a value was found, for the error that it may be.
#[derive(Clone, Copy)]
struct Place {
    run: RunId,
    operation: &'static str,
}

impl Place {
    fn json(self, what: &'static str, text: Option<&str>) -> PortResult<Option<JsonText>> {
        text.map(|text| JsonText::stored(text).map_err(|error| self.corrupt(what, error)))
            .transpose()
    }

    /// Decision id and ruling: both or neither.
    fn decision(
        self,
        id: Option<DecisionId>,
        ruling: Option<&str>,
    ) -> PortResult<Option<JsonText>> {
        match (id, ruling) {
            (None, None) => Ok(None),
            (Some(id), Some(text)) => RulingText::stored(text)
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
