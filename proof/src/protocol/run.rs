//! Runs as the store has them.

use std::collections::BTreeSet;

/// A decision's id, which is the lease's too: who made it, and the how manieth of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Decision {
    /// The worker.
    pub(super) worker: usize,
    /// Counted from zero.
    pub(super) number: u8,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Status {
    /// Waiting to be judged.
    Queued,
    /// Started under this decision; its lease may have lapsed.
    Running {
        /// The decision.
        under: Decision,
        /// Whether the lease has lapsed.
        lapsed: bool,
    },
    /// Denied.
    Blocked,
    /// Its handler came to an end.
    Succeeded,
    /// Its handler failed, or its worker was lost.
    Failed,
}

/// A run, and what is remembered of it for the sake of the proof.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Run {
    /// Where it is.
    pub(super) workspace: usize,
    /// How far it has come.
    pub(super) status: Status,
    /// Which attempt of its chain it is.
    pub(super) attempt: u8,
    /// How many there may be.
    pub(super) attempts: u8,
    /// The decision that is written down with it.
    pub(super) decision: Option<Decision>,
    /// Whether another run was queued after it.
    pub(super) has_successor: bool,
    /// Decisions under which it is never to start.
    pub(super) barred: BTreeSet<Decision>,
    /// How often it was started.
    pub(super) starts: u8,
    /// How often its handler was entered.
    pub(super) entries: u8,
}

impl Run {
    pub(super) fn queued(workspace: usize, attempt: u8, attempts: u8) -> Self {
        Self {
            workspace,
            status: Status::Queued,
            attempt,
            attempts,
            decision: None,
            has_successor: false,
            barred: BTreeSet::new(),
            starts: 0,
            entries: 0,
        }
    }

    pub(super) fn is_completed(&self) -> bool {
        match self.status {
            Status::Queued | Status::Running { .. } => false,
            Status::Blocked | Status::Succeeded | Status::Failed => true,
        }
    }

    pub(super) fn runs_under(&self, decision: Decision) -> bool {
        matches!(self.status, Status::Running { under, .. } if under == decision)
    }
}
