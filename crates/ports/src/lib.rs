//! The ports of Countersign: what a store must do so that a blocked run never starts.
//!
//! | port | what it is for |
//! |---|---|
//! | [`RunRepository`] | the truth about every run; [`RunRepository::begin`] is the fence |
//! | [`AuthorityLookup`] | who may do what, read with the fence that `begin` compares |
//! | [`AuthorityStore`] | the same, written; for adapters that own the facts |
//! | [`RunQueue`] | a hint which runs are due; it can be rebuilt from the repository |
//! | [`StoreMaintenance`] | preparing a store and checking it against the guarantees |
//! | [`StoreMove`] | moving everything out of a store and into another one; a store may do without |
//!
//! Every method takes a batch and answers item by item in input order, so that no port forces a round
//! trip, a statement or a commit per run. One item's bad data never fails its neighbours. Outcomes are
//! named; there are no bare booleans and no row counts. The traits are object safe.
//!
//! An adapter proves itself with the suite in `countersign-conformance`: one macro line.

mod authority;
mod error;
mod fence;
mod fresh;
mod maintenance;
mod moving;
mod queue;
mod retention;
mod ruling;
mod runs;
mod start;

#[cfg(feature = "mock")]
pub use authority::{MockAuthorityLookup, MockAuthorityStore};
#[cfg(feature = "mock")]
pub use maintenance::MockStoreMaintenance;
#[cfg(feature = "mock")]
pub use moving::MockStoreMove;
#[cfg(feature = "mock")]
pub use queue::MockRunQueue;
#[cfg(feature = "mock")]
pub use runs::MockRunRepository;

pub use authority::{
    Applied, Authority, AuthorityLookup, AuthorityStore, LogEntry, LogQuery, LookedUp, ShowQuery,
    UndecidedCause,
};
pub use error::{PortError, PortErrorKind, PortResult, RetryClass};
pub use fence::{Bound, Fence, StoreIdentity};
pub use fresh::{fresh_lease_id, fresh_move_id, fresh_run_id, fresh_store_id};
pub use maintenance::{Finding, Migrated, PendingMigration, Severity, StoreMaintenance};
pub use moving::{
    Imported, MoveCursor, MovePage, Moved, MovedRun, Movement, Part, Side, Standing, Step, Stepped,
    StoreMove, require_facts,
};
pub use queue::{Acked, Delivery, Push, QueueEntry, Receipt, Receive, RunQueue};
pub use retention::{Candidate, Chosen, Prune, PrunePlace, Pruned};
pub use ruling::{JudgeError, Ruling, StartTerms};
pub use runs::{
    Backlog, BacklogQuery, Cancellation, Cancelled, Candidacy, ContextDetail, CursorError, Elected,
    Finish, Finished, PutOff, QueueUpkeep, Renewal, Renewed, Rescue, Rescued, Retried, Retry,
    RunCursor, RunFilter, RunKey, RunPage, RunRepository, Submitted, Successor, Undecided,
    UndecidedPolicy, Work,
};
pub use start::{Begun, Entry, Permit, PermitLapsed, ReadBack, Start};
