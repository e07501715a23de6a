//! What a worker knows, and what of it is on its way to the store.

use super::authority::Revision;
use super::run::Decision;

/// A run, judged: what `begin` is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Asked {
    pub(super) run: usize,
    pub(super) decision: Decision,
    pub(super) allows: bool,
    /// Whether the allow ends by itself.
    pub(super) lapses: bool,
    /// None where the scope had no record, which only a protocol without that check gets to see.
    pub(super) revision: Option<Revision>,
}

/// A start that the store has compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Opened {
    pub(super) asked: Asked,
    /// Whether its authority was found to stand.
    pub(super) stands: bool,
    /// Whether it keeps changes away from its scope.
    pub(super) locks: bool,
    /// Whether the grant had expired when the store's clock was read.
    pub(super) expired: bool,
}

/// What a worker is at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Task {
    #[default]
    Idle,
    /// It has read the facts, and not the revision: only where a look-up is no snapshot.
    Reading { run: usize, allows: bool },
    /// It waits for what `begin` came to.
    Waiting(Asked),
    /// It will not be told, and has to read back.
    Unsure(Asked),
    /// It holds a permit.
    Permitted(Asked),
    /// It is in the handler.
    Inside(Asked),
}

/// A worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Worker {
    pub(super) task: Task,
    /// How many decisions it has made.
    pub(super) decisions: u8,
    /// Whether the deadline of what it has asked for has passed.
    pub(super) is_late: bool,
}

impl Worker {
    pub(super) fn is_to(&self, decision: Decision) -> bool {
        match self.task {
            Task::Idle | Task::Reading { .. } => false,
            Task::Waiting(asked)
            | Task::Unsure(asked)
            | Task::Permitted(asked)
            | Task::Inside(asked) => asked.decision == decision,
        }
    }

    pub(super) fn ends(&mut self) {
        self.task = Task::Idle;
        self.is_late = false;
    }
}
