//! Rows of the file as values of the domain. Whatever does not read is `Corrupt`, never a default.

use std::fmt::Display;

use countersign_domain::{
    AuthorityMode, CancelNote, Failure, JsonText, OperationRun, Revision, SubmittedContext,
    Timestamp,
};
use countersign_ports::{PortError, PortErrorKind, PortResult};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// Reads the columns of one row in order.
pub(crate) struct Columns<'r> {
    row: &'r SqliteRow,
    next: usize,
    operation: &'static str,
}

impl<'r> Columns<'r> {
    pub(crate) fn of(row: &'r SqliteRow, operation: &'static str) -> Self {
        Self {
            row,
            next: 0,
            operation,
        }
    }

    fn take<T>(&mut self) -> PortResult<T>
    where
        T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        let at = self.next;
        self.next += 1;
        self.row
            .try_get(at)
            .map_err(|error| PortError::corrupt(self.operation, format_args!("column {at}"), error))
    }

    pub(crate) fn integer(&mut self) -> PortResult<i64> {
        self.take()
    }

    pub(crate) fn flag(&mut self) -> PortResult<bool> {
        self.take::<i64>().map(|value| value != 0)
    }

    pub(crate) fn optional_flag(&mut self) -> PortResult<Option<bool>> {
        self.take::<Option<i64>>()
            .map(|value| value.map(|value| value != 0))
    }

    pub(crate) fn text(&mut self) -> PortResult<&'r str> {
        self.take()
    }

    pub(crate) fn optional_text(&mut self) -> PortResult<Option<&'r str>> {
        self.take()
    }

    /// A value that has a textual form.
    pub(crate) fn parsed<T>(&mut self, what: &'static str) -> PortResult<T>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let text = self.text()?;
        text.parse()
            .map_err(|error| self.corrupt(what, text, error))
    }

    pub(crate) fn optional<T>(&mut self, what: &'static str) -> PortResult<Option<T>>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let text = self.optional_text()?;
        text.map(|text| {
            text.parse()
                .map_err(|error| self.corrupt(what, text, error))
        })
        .transpose()
    }

    /// As [`Columns::optional`], for columns where the empty text stands for none.
    pub(crate) fn unless_empty<T>(&mut self, what: &'static str) -> PortResult<Option<T>>
    where
        T: std::str::FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let text = Some(self.text()?).filter(|text| !text.is_empty());
        text.map(|text| {
            text.parse()
                .map_err(|error| self.corrupt(what, text, error))
        })
        .transpose()
    }

    pub(crate) fn time(&mut self, what: &'static str) -> PortResult<Timestamp> {
        let micros = self.integer()?;
        Timestamp::from_micros(micros).map_err(|error| self.corrupt(what, micros, error))
    }

    pub(crate) fn optional_time(&mut self, what: &'static str) -> PortResult<Option<Timestamp>> {
        let micros: Option<i64> = self.take()?;
        micros
            .map(|micros| {
                Timestamp::from_micros(micros).map_err(|error| self.corrupt(what, micros, error))
            })
            .transpose()
    }

    pub(crate) fn json(&mut self, what: &'static str) -> PortResult<Option<JsonText>> {
        let text = self.optional_text()?;
        text.map(|text| JsonText::stored(text).map_err(|error| self.corrupt(what, text, error)))
            .transpose()
    }

    pub(crate) fn number<T: TryFrom<i64>>(&mut self, what: &'static str) -> PortResult<T>
    where
        T::Error: std::error::Error + Send + Sync + 'static,
    {
        let value = self.integer()?;
        T::try_from(value).map_err(|error| self.corrupt(what, value, error))
    }

    /// Two columns: counter and nonce.
    pub(crate) fn revision(&mut self) -> PortResult<Revision> {
        let counter = self.integer()?;
        let nonce = self.text()?;
        let text = format!("{counter}-{nonce}");
        text.parse()
            .map_err(|error| self.corrupt("revision", &text, error))
    }

    fn corrupt(
        &self,
        what: &'static str,
        found: impl Display,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> PortError {
        let found: String = found.to_string().chars().take(64).collect();
        PortError::corrupt(self.operation, format_args!("{what} `{found}`"), error)
    }
}

/// The columns of `sql/run_columns.sql`, in their order.
pub(crate) fn read_run(row: &SqliteRow, operation: &'static str) -> PortResult<OperationRun> {
    let mut columns = Columns::of(row, operation);
    Ok(OperationRun {
        id: columns.parsed("run id")?,
        workspace_id: columns.parsed("workspace id")?,
        tenant_id: columns.parsed("tenant id")?,
        initiator: columns.optional("initiator")?,
        authority_mode: read_mode(columns.text()?, operation)?,
        operation_type: columns.parsed("operation type")?,
        provider_connection_id: columns.optional("connection id")?,
        status: columns.parsed("status")?,
        outcome: columns.parsed("outcome")?,
        context: read_context(columns.text()?, operation)?,
        decision: columns.json("decision")?,
        continuity: columns.json("continuity")?,
        result: columns.json("result")?,
        output: columns.json("output")?,
        failure: read_failure(&mut columns)?,
        cancel: read_cancel(&mut columns)?,
        priority: columns.number("priority")?,
        unique_key: columns.optional("unique key")?,
        chain_id: columns.parsed("chain id")?,
        attempt: columns.number("attempt")?,
        retry_of: columns.optional("retry of")?,
        requested_by: columns.optional("requested by")?,
        queue_name: columns.parsed("queue name")?,
        queued_at: columns.time("queued at")?,
        due_at: columns.time("due at")?,
        undecided_since: columns.optional_time("undecided since")?,
        started_at: columns.optional_time("started at")?,
        completed_at: columns.optional_time("completed at")?,
    })
}

fn read_mode(text: &str, operation: &'static str) -> PortResult<AuthorityMode> {
    match text {
        "actor_bound" => Ok(AuthorityMode::ActorBound),
        "system" => Ok(AuthorityMode::System),
        _ => {
            let detail = format!("authority mode `{text}`");
            Err(PortError::new(PortErrorKind::Corrupt, operation, detail))
        }
    }
}

fn read_context(text: &str, operation: &'static str) -> PortResult<SubmittedContext> {
    SubmittedContext::stored(text).map_err(|error| PortError::corrupt(operation, "context", error))
}

fn read_failure(columns: &mut Columns<'_>) -> PortResult<Option<Failure>> {
    let code = columns.optional("failure code")?;
    let message = columns.optional_text()?;
    Ok(code.map(|code| Failure {
        code,
        message: message.unwrap_or_default().to_owned(),
    }))
}

fn read_cancel(columns: &mut Columns<'_>) -> PortResult<Option<CancelNote>> {
    let by = columns.optional("cancelled by")?;
    let reason = columns.optional_text()?;
    Ok(by.map(|by| CancelNote {
        by,
        reason: reason.map(str::to_owned),
    }))
}
