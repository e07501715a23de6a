//! A run as its text and its hash hold it; see `lua/run.lua`.

use countersign_domain::{
    CancelNote, DecisionId, Failure, FailureCode, JsonText, LeaseId, OperationRun, ReasonCode,
    RulingText, RunOutcome, RunStatus, SubmittedContext, Timestamp,
};
use countersign_ports::{PortError, PortErrorKind, PortResult, QueueEntry, RunKey};
use redis::Value;

use crate::rows::Columns;

mod lines;
mod parts;
mod written;

pub(crate) use lines::asked;
pub(crate) use written::Written;

use lines::Lines;
use parts::{Parts, Start};

/// A run without what is kept apart from it: the submitter's context, and the ruling.
pub(crate) struct StoredRun {
    pub(crate) key: RunKey,
    run: OperationRun,
    decision_id: Option<DecisionId>,
    /// The number of the ruling that the decision was made under.
    pub(crate) ruling: Option<u64>,
    /// Why it was blocked.
    pub(crate) reason: Option<ReasonCode>,
    /// Whether a hash holds more of it, to be read with [`StoredRun::read_more`].
    pub(crate) has_more: bool,
    put_off_until: Option<Timestamp>,
    lease: Option<(LeaseId, Timestamp)>,
    max_attempts: Option<u32>,
}

/// What a run's store knows of it besides its record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Besides {
    /// Until when it was put off.
    pub(crate) put_off_until: Option<Timestamp>,
    /// Its lease, and when that ends.
    pub(crate) lease: Option<(LeaseId, Timestamp)>,
    /// The limit of attempts that it was started under.
    pub(crate) max_attempts: Option<u32>,
}

impl StoredRun {
    /// Reads a run's text. Whatever does not read is `Corrupt`, never a default.
    pub(crate) fn read(key: RunKey, text: &str, operation: &'static str) -> PortResult<Self> {
        let at = Place {
            run: key.clone(),
            operation,
        };
        let lines = Lines::of(text).ok_or_else(|| at.damaged("three lines"))?;
        let mut parts = Parts::of(&at, "how far it has come", lines.head);
        let word = parts.text()?;
        let has_more = match parts.text()? {
            "+" => true,
            "-" => false,
            _ => return Err(at.damaged("whether there is more of it")),
        };
        let (status, outcome) = match word {
            "queued" => (RunStatus::Queued, RunOutcome::Pending),
            "running" => (RunStatus::Running, RunOutcome::Pending),
            ended => (RunStatus::Completed, at.parsed("outcome", ended)?),
        };
        let completed_at = match status {
            RunStatus::Completed => Some(parts.time()?),
            RunStatus::Queued | RunStatus::Running => None,
        };
        let (mut reason, mut blocked_by, mut start) = (None, None, None);
        match (status, outcome) {
            (RunStatus::Completed, RunOutcome::Blocked) => {
                reason = Some(parts.parsed()?);
                blocked_by = Some((parts.parsed()?, parts.parsed()?));
            }
            (RunStatus::Running, _)
            | (_, RunOutcome::Succeeded | RunOutcome::PartiallySucceeded) => {
                start = Some(Start::read(&mut parts)?);
            }
            (RunStatus::Completed, RunOutcome::Failed | RunOutcome::Cancelled) => {
                start = match parts.are_left() {
                    true => Some(Start::read(&mut parts)?),
                    false => None,
                };
            }
            (RunStatus::Queued, _) => {}
            (RunStatus::Completed, RunOutcome::Pending) => {
                return Err(at.damaged("a status and an outcome that there are"));
            }
        }
        parts.end()?;
        let mut parts = Parts::of(&at, "what it asks for", lines.asked);
        let (tenant_id, initiator) = (parts.parsed()?, parts.optional()?);
        let (authority_mode, operation_type) = (parts.parsed()?, parts.parsed()?);
        let provider_connection_id = parts.optional()?;
        parts.end()?;
        let mut parts = Parts::of(&at, "what was settled of it", lines.settled);
        let run = OperationRun {
            id: key.id,
            workspace_id: key.workspace_id.clone(),
            status,
            outcome,
            tenant_id,
            initiator,
            authority_mode,
            operation_type,
            provider_connection_id,
            queued_at: parts.time()?,
            due_at: parts.time()?,
            attempt: parts.parsed()?,
            priority: parts.parsed()?,
            queue_name: parts.parsed()?,
            chain_id: parts.parsed()?,
            retry_of: parts.optional()?,
            requested_by: parts.optional()?,
            unique_key: parts.optional()?,
            undecided_since: None,
            started_at: start.as_ref().map(|start| start.at),
            completed_at,
            context: SubmittedContext::default(),
            decision: None,
            continuity: None,
            result: None,
            output: None,
            failure: None,
            cancel: None,
        };
        parts.end()?;
        let decided = start.as_ref().map(|start| start.decision).or(blocked_by);
        Ok(Self {
            key,
            run,
            decision_id: decided.map(|(decision, _)| decision),
            ruling: decided.map(|(_, ruling)| ruling),
            reason,
            has_more,
            put_off_until: None,
            lease: start.as_ref().and_then(|start| start.lease),
            max_attempts: start.map(|start| start.max_attempts),
        })
    }

    /// Adds what its hash holds.
    pub(crate) fn read_more(&mut self, value: Value, operation: &'static str) -> PortResult<()> {
        let at = Place {
            run: self.key.clone(),
            operation,
        };
        let mut columns = Columns::of(value, operation)?;
        if columns.left() == 0 {
            return Err(at.damaged("the hash that holds more of it"));
        }
        let run = &mut self.run;
        let (mut code, mut message): (Option<FailureCode>, Option<String>) = (None, None);
        let (mut by, mut why) = (None, None);
        while columns.left() > 0 {
            let field = columns.text("a field of a run")?;
            match field.as_str() {
                "undecided_since" => run.undecided_since = Some(columns.time("undecided since")?),
                "put_off_until" => self.put_off_until = Some(columns.time("put off until")?),
                "continuity" => run.continuity = Some(at.json("continuity", &mut columns)?),
                "result" => run.result = Some(at.json("result", &mut columns)?),
                "output" => run.output = Some(at.json("output", &mut columns)?),
                "failure_code" => code = Some(columns.parsed("failure code")?),
                "failure_message" => message = Some(columns.text("failure message")?),
                "cancel_by" => by = Some(columns.parsed("cancelled by")?),
                "cancel_reason" => why = Some(columns.text("why it was cancelled")?),
                // Decisions that were barred, each by its id: they are for scripts.
                _ => {
                    columns.value()?;
                }
            }
        }
        run.failure = code.map(|code| Failure {
            code,
            message: message.unwrap_or_default(),
        });
        run.cancel = by.map(|by| CancelNote { by, reason: why });
        Ok(())
    }

    /// The run as far as it is read.
    pub(crate) fn run(&self) -> &OperationRun {
        &self.run
    }

    /// What its store knows besides.
    pub(crate) fn besides(&self) -> Besides {
        Besides {
            put_off_until: self.put_off_until,
            lease: self.lease,
            max_attempts: self.max_attempts,
        }
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
        context: Option<String>,
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
                SubmittedContext::stored(&context).map_err(|error| at.corrupt("context", error))?;
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
    fn parsed<T: std::str::FromStr>(&self, what: &'static str, text: &str) -> PortResult<T>
    where
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        text.parse().map_err(|error| self.corrupt(what, error))
    }

    fn json(&self, what: &'static str, columns: &mut Columns) -> PortResult<JsonText> {
        JsonText::stored(columns.text(what)?).map_err(|error| self.corrupt(what, error))
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
            (Some(_), None) | (None, Some(_)) => Err(self.damaged("a whole decision")),
        }
    }

    /// It lacks something.
    fn damaged(&self, lacks: &str) -> PortError {
        let detail = format_args!("run `{}` lacks {lacks}", self.run.id);
        PortError::new(PortErrorKind::Corrupt, self.operation, detail)
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
