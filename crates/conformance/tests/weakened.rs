//! The adapter in memory, with one thing wrong with it.
//!
//! Whatever is wrong is done here, around the adapter and to its state, so that the worked example has
//! none of it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::collapsible_match,
    reason = "each place knows only the weaknesses that are its own"
)]

mod authority;
mod completion;
mod queue;
mod runs;
mod start;
mod submit;
mod verdicts;

use std::sync::Arc;

use async_trait::async_trait;
use countersign_conformance::{Harness, Ports};
use countersign_domain::ChangeKind;

use crate::memory::Memory;

/// The adapter in memory, with one thing wrong with it.
#[derive(Clone)]
pub(crate) struct Weakened {
    pub(crate) inner: Memory,
    pub(crate) weakness: Weakness,
}

#[async_trait]
impl Harness for Weakened {
    async fn open(&self) -> Ports {
        let store = Arc::new(self.clone());
        Ports::new(store.clone(), store.clone(), store)
    }

    async fn close(&self) {}
}

/// One thing that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weakness {
    /// Nothing is.
    None,
    /// Nothing is, but that a start takes a while to commit, and its answer another while to come.
    AnswersLate,

    // The fence.
    RevisionsNotCompared,
    NoncesNotCompared,
    CountersNotCompared,
    DeniesNotFenced,
    OneScopeCompared,
    ScopesWithoutRecordPass,
    NoScopeNeeded,
    StoreNotCompared,
    LapseNotChecked,
    BoundNotChecked,
    CheckedBeforeTheLock,
    FactsReadBeforeTheirRevision,

    // Changes of authority.
    NotRaisedFor(ChangeKind),
    OneWorkspaceRaised,
    EveryWorkspaceRaised,
    NonceKept,
    BatchAppliedInParts,
    BatchAppliedBackwards,
    GrantEnables,
    LogForgetsWho,
    LogForgetsRevisions,
    LogNotFiltered,
    LogPagesOverlap,

    // What is told of authority.
    AnswersBackwards,
    GrantsOfEveryWorkspace,
    GrantsOfEveryTenant,
    RecordNotKept,
    RolesSorted,
    ShowsGrantsOfEveryWorkspace,
    ShowsUsersActive,
    ShowsBackwards,
    ShowForgetsGates,
    ShowNotNarrowed,

    // Starts.
    StartsTwice,
    StartsWhatWasBlocked,
    StartsTwiceInABatch,
    DecisionNotRecorded,
    DenyHasAStart,
    UnknownRunFailsTheBatch,
    AnyWorkspaceFindsARun,
    UndecidedForEver,
    UndecidedForgotten,
    ReadBackBelieves,

    // Leases, completions, successors.
    LeaseIgnoredOnFinish,
    LeaseIgnoredOnRenewal,
    LateFinishRefused,
    CompletionNotIdempotent,
    FlagIgnored,
    SuccessorOfCancelled,
    SuccessorInASecondCommit,
    LaterDenyKept,
    RescuesTheLiving,
    RescueLeavesTheLease,
    RescuesWithoutLimit,
    SecondSuccessor,
    CancelLeavesItQueued,
    LaterFlagKept,
    LeaseNeverLost,
    ResultDropped,
    SuccessorForgetsPriority,
    SuccessorOfTheSystem,
    SuccessorKeepsTheDecision,
    RescuesNewestFirst,
    RescueIgnoresTheFlag,
    RescuesInTwoSteps,
    LongestWaitIgnored,

    // Submissions and listings.
    KeyNotEnforced,
    KeyAcrossTenants,
    KeysFolded,
    IdNotIdempotent,
    IdTakenNotTold,
    ContextReadAndWritten,
    ReasonNotFiltered,
    PagesByTimeAlone,
    EverybodyElected,
    LaterCountedAsDue,
    TimesInMilliseconds,
    ListedOldestFirst,
    ContextsNeverOmitted,
    WorkspaceNotFiltered,
    EntriesSkipOne,
    ClockJumps,

    // Retention.
    PrunesTheYoung,
    PrunesTheUnfinished,
    PrunesTheBlocked,
    PrunesSuccessorsFirst,
    PrunesOnePage,
    PruneKeepsTheRest,

    // The queue.
    VisibilityIgnored,
    PriorityIgnored,
    DueIgnored,
    PushStartsOver,
    OldReceiptAccepted,
    OperationsIgnored,
    EntryStaysAfterTheStart,
    EntryForgotten,
    WaitsForEver,
    NeverWakes,
    NeverWaits,
    PiecesOutOfOrder,
}
