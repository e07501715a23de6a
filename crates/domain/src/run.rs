//! The run: what was asked for, how far it came, and every decision about it.

use std::fmt;
use std::str::FromStr;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    ActorName, AuthorityMode, BLOCKED_BY, ConnectionId, DecisionRecord, JsonError, JsonText,
    OperationType, QueueName, RunId, SubmittedContext, TenantId, Timestamp, UniqueKey, UserId,
    WorkspaceId,
};

/// A name that is not in one of the contract's vocabularies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a {what}, expected one of {expected}")]
pub struct UnknownName {
    what: &'static str,
    found: String,
    expected: String,
}

impl UnknownName {
    pub(crate) fn new<'a>(
        what: &'static str,
        found: &str,
        expected: impl Iterator<Item = &'a str>,
    ) -> Self {
        Self {
            what,
            found: found.chars().take(48).collect(),
            expected: expected
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", "),
        }
    }
}

macro_rules! names {
    ($(#[$doc:meta])* $type:ident = $what:literal { $($(#[$vdoc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[$vdoc])* $variant,)+
        }

        impl $type {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name as it stands in records.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;
            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(UnknownName::new($what, text, Self::ALL.iter().map(|one| one.as_str()))),
                }
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

names! {
    /// How far a run has come. It only ever moves forward (G3).
    RunStatus = "status" {
        /// Waiting to be judged.
        Queued = "queued",
        /// Its handler may have been entered.
        Running = "running",
        /// It will never change again.
        Completed = "completed",
    }
}

names! {
    /// What a run came to. `pending` until it is completed.
    RunOutcome = "outcome" {
        /// Not completed yet.
        Pending = "pending",
        /// The handler did its work.
        Succeeded = "succeeded",
        /// The handler did part of its work.
        PartiallySucceeded = "partially_succeeded",
        /// The handler failed, was lost, or authority could not be read for too long.
        Failed = "failed",
        /// The gate denied it; it never started (G1).
        Blocked = "blocked",
        /// It was cancelled, before or while it ran.
        Cancelled = "cancelled",
    }
}

names! {
    /// The kinds of failure.
    FailureCode = "failure code" {
        /// The handler said so.
        HandlerFailed = "handler_failed",
        /// It took longer than the operation permits.
        Timeout = "timeout",
        /// The handler panicked.
        Panicked = "panicked",
        /// The worker's lease lapsed.
        WorkerLost = "worker_lost",
        /// Authority could not be read for longer than is permitted (G6); it never started.
        AuthorityUnavailable = "authority_unavailable",
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which kind of failure.
    pub code: FailureCode,
    /// In words.
    pub message: String,
}

/// Who cancelled a run, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelNote {
    /// Who asked for it.
    pub by: ActorName,
    /// Why; free text.
    pub reason: Option<String>,
}

/// One run, as its repository holds it.
///
/// Serializes to the record of the contract: `context` holds the submitter's keys and, merged in,
/// what was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationRun {
    /// The run.
    pub id: RunId,
    /// The workspace that it was submitted in.
    pub workspace_id: WorkspaceId,
    /// The tenant it acts upon.
    pub tenant_id: TenantId,
    /// Who queued it; none for system runs.
    pub initiator: Option<UserId>,
    /// On whose authority it acts.
    pub authority_mode: AuthorityMode,
    /// Which operation (`type` in the record).
    pub operation_type: OperationType,
    /// The connection it names.
    pub provider_connection_id: Option<ConnectionId>,
    /// How far it came.
    pub status: RunStatus,
    /// What it came to.
    pub outcome: RunOutcome,
    /// The submitter's own context, to the letter.
    pub context: SubmittedContext,
    /// The decision that let it start or blocked it, to the letter (G4).
    pub decision: Option<JsonText>,
    /// The first deny found while it ran (G7).
    pub continuity: Option<JsonText>,
    /// What the handler returned.
    pub result: Option<JsonText>,
    /// What its command printed last, where it was a command.
    pub output: Option<JsonText>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Who cancelled it.
    pub cancel: Option<CancelNote>,
    /// Higher goes first.
    pub priority: i16,
    /// The key that no other unfinished run of its (workspace, tenant, type) holds.
    pub unique_key: Option<UniqueKey>,
    /// The first run of its chain of successors.
    pub chain_id: RunId,
    /// Its place in that chain, from 1.
    pub attempt: u32,
    /// The run it is the successor of.
    pub retry_of: Option<RunId>,
    /// Who asked for this retry; none for automatic successors.
    pub requested_by: Option<ActorName>,
    /// The queue its entry goes to.
    pub queue_name: QueueName,
    /// When it was accepted.
    pub queued_at: Timestamp,
    /// When it may start at the earliest.
    pub due_at: Timestamp,
    /// When it started; none for runs that never did.
    pub started_at: Option<Timestamp>,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// Since when its authority could not be read (G6).
    pub undecided_since: Option<Timestamp>,
}

impl OperationRun {
    /// The decision on record, read.
    ///
    /// # Errors
    /// [`JsonError`] when the store holds something that is no decision record.
    pub fn decision_record(&self) -> Result<Option<DecisionRecord>, JsonError> {
        let read = |text: &JsonText| {
            serde_json::from_str(text.as_str()).map_err(|error| JsonError::Malformed {
                problem: error.to_string(),
            })
        };
        self.decision.as_ref().map(read).transpose()
    }

    /// The context of the record: the submitter's keys and what was decided.
    ///
    /// # Errors
    /// [`JsonError`] when the store holds something that is no decision record.
    pub fn merged_context(&self) -> Result<JsonText, JsonError> {
        let mut text = self.context.as_str().to_owned();
        text.pop();
        let mut separator = if text.len() > 1 { "," } else { "" };
        let mut add = |key: &str, value: &str| {
            text.push_str(separator);
            text.push_str(&format!("\"{key}\":{value}"));
            separator = ",";
        };
        if self.outcome == RunOutcome::Blocked {
            let reason = self
                .decision_record()?
                .and_then(|record| record.reason_code);
            add("blocked_by", &format!("\"{BLOCKED_BY}\""));
            add(
                "reason_code",
                &reason.map_or("null".to_owned(), |code| format!("\"{code}\"")),
            );
        }
        if let Some(decision) = &self.decision {
            add("execution_legitimacy", decision.as_str());
        }
        if let Some(continuity) = &self.continuity {
            add("continuity", continuity.as_str());
        }
        text.push('}');
        JsonText::stored(text)
    }
}

impl Serialize for OperationRun {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let context = self.merged_context().map_err(serde::ser::Error::custom)?;
        let mut record = serializer.serialize_struct("OperationRun", 26)?;
        record.serialize_field("id", &self.id)?;
        record.serialize_field("workspace_id", &self.workspace_id)?;
        record.serialize_field("tenant_id", &self.tenant_id)?;
        record.serialize_field("initiator", &self.initiator)?;
        record.serialize_field("authority_mode", &self.authority_mode)?;
        record.serialize_field("type", &self.operation_type)?;
        record.serialize_field("provider_connection_id", &self.provider_connection_id)?;
        record.serialize_field("status", &self.status)?;
        record.serialize_field("outcome", &self.outcome)?;
        record.serialize_field("context", &context)?;
        record.serialize_field("result", &self.result)?;
        record.serialize_field("output", &self.output)?;
        record.serialize_field("failure", &self.failure)?;
        record.serialize_field("cancel", &self.cancel)?;
        record.serialize_field("priority", &self.priority)?;
        record.serialize_field("unique_key", &self.unique_key)?;
        record.serialize_field("chain_id", &self.chain_id)?;
        record.serialize_field("attempt", &self.attempt)?;
        record.serialize_field("retry_of", &self.retry_of)?;
        record.serialize_field("requested_by", &self.requested_by)?;
        record.serialize_field("queue_name", &self.queue_name)?;
        record.serialize_field("queued_at", &self.queued_at)?;
        record.serialize_field("due_at", &self.due_at)?;
        record.serialize_field("started_at", &self.started_at)?;
        record.serialize_field("completed_at", &self.completed_at)?;
        record.serialize_field("undecided_since", &self.undecided_since)?;
        record.end()
    }
}
