//! The pure core of Countersign: may this queued run still start?
//!
//! Everything here is data and arithmetic over data. The crate never reads a clock, never does I/O,
//! never draws a random number and never spawns: adapters select rows, [`resolve`] turns the rows of
//! one snapshot into [`AuthorityFacts`], and [`decide`] judges an [`ExecutionContext`] against them.
//!
//! ```
//! use countersign_domain::*;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut state = AuthorityState::default();
//! for line in [
//!     r#"{"change":"define_role","role":"operator","capabilities":["inventory.sync"],"all_tenants":true}"#,
//!     r#"{"change":"set_workspace","workspace":"w","active":true}"#,
//!     r#"{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"active"}"#,
//!     r#"{"change":"grant","user":"u","workspace":"w","role":"operator"}"#,
//! ] {
//!     state.apply(&AttributedChange::parse(line)?.change);
//! }
//! let operation = Operation::new("inventory_sync".parse()?).needing("inventory.sync".parse()?);
//! let scope = TargetScope { workspace_id: "w".parse()?, tenant_id: "t".parse()?, provider_connection_id: None };
//! let context = ExecutionContext::actor_bound(RunId::EXAMPLE, operation.into(), scope, "u".parse()?);
//! let facts = resolve(&context.query(), &state.rows(&context.query()), Timestamp::UNIX_EPOCH);
//! assert!(decide(&context, &facts).is_allowed());
//!
//! state.apply(&AttributedChange::parse(r#"{"change":"set_user","user":"u","active":false}"#)?.change);
//! let facts = resolve(&context.query(), &state.rows(&context.query()), Timestamp::UNIX_EPOCH);
//! assert_eq!(decide(&context, &facts).reason(), Some(ReasonCode::InitiatorDisabled));
//! # Ok(()) }
//! ```
//!
//! Guarantees are cited by name (`G1` to `G8`); they are defined in `ARCHITECTURE.md`.

mod catalog;
mod change;
mod check;
mod context;
mod decision;
mod facts;
mod fields;
mod id;
mod json;
mod reason;
mod record;
mod revision;
mod rows;
mod ruling;
mod run;
mod state;
mod submission;
mod time;
mod transition;

pub use catalog::{Catalog, ConnectionUse, Continuity, Lifecycles, Operation, RetryPolicy};
pub use change::{AttributedChange, AuthorityChange, ChangeError, ChangeKind};
pub use check::{Check, CheckResult, Checks};
pub use context::{AuthorityMode, AuthorityQuery, ExecutionContext, Question, TargetScope};
pub use decision::{Decision, decide};
pub use facts::{
    AuthorityFacts, ConnectionFacts, GateFacts, Held, TenantFacts, UserFacts, WorkspaceFacts,
    resolve,
};
pub use fields::{FieldError, Fields};
pub use id::{
    ActorName, Capability, ConnectionId, DecisionId, IdError, LeaseId, MAX_ID_BYTES, MoveId,
    OperationType, PrerequisiteName, QueueName, RoleName, RunId, StoreId, TenantId, UniqueKey,
    UserId, WorkerName, WorkspaceId,
};
pub use json::{JsonError, JsonText, MAX_JSON_BYTES};
pub use reason::{DenialReason, ReasonCode};
pub use record::{
    AuthorityStamp, BLOCKED_BY, Consistency, ContinuityRecord, DecisionRecord, GateState,
    MAX_OBSERVED_BYTES, Observed, ObservedGate, RecordContext,
};
pub use revision::{Revision, RevisionError, ScopeRevision};
pub use rows::{
    AuthorityRows, ConnectionRow, GateRow, GrantRow, PrerequisiteRow, RoleRow, TenantLifecycle,
    TenantRow, UserRow, WorkspaceRow,
};
pub use ruling::RulingText;
pub use run::{CancelNote, Failure, FailureCode, OperationRun, RunOutcome, RunStatus, UnknownName};
pub use state::{AuthorityState, GrantKey};
pub use submission::{RESERVED_CONTEXT_KEYS, Submission, SubmissionError, SubmittedContext};
pub use time::{Timestamp, TimestampError};
pub use transition::{IllegalTransition, RunEvent, transition};
