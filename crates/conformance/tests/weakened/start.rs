//! The start, weakened.

use countersign_domain::{RunStatus, Timestamp};
use countersign_ports::{Begun, QueueEntry, ReadBack, Start};

use super::{Weakened, Weakness};
use crate::memory::ports::answer;
use crate::memory::state::State;

impl Weakened {
    /// Begins a batch under one lock.
    pub(super) fn begin_all(&self, state: &mut State, starts: &[Start]) -> Vec<Begun> {
        let mut begun = Vec::new();
        for (n, start) in starts.iter().enumerate() {
            let earlier = starts[..n].iter().any(|one| one.run() == start.run());
            if earlier && self.weakness == Weakness::StartsTwiceInABatch {
                queue_again(state, start);
            }
            begun.push(self.begin_one(state, start));
        }
        begun
    }

    fn begin_one(&self, state: &mut State, start: &Start) -> Begun {
        let now = state.now();
        if self.passes(state, start, now) {
            return force(state, start, now);
        }
        let since = state
            .row(start.run())
            .and_then(|row| row.run.undecided_since);
        match self.weakness {
            Weakness::StartsTwice => {
                let row = state.row(start.run());
                if row.is_some_and(|row| row.run.status == RunStatus::Running) {
                    queue_again(state, start);
                }
            }
            Weakness::StartsWhatWasBlocked => {
                let row = state.row(start.run());
                if row.is_some_and(|row| row.run.outcome.as_str() == "blocked") {
                    queue_again(state, start);
                }
            }
            Weakness::AnyWorkspaceFindsARun => {
                if state.row(start.run()).is_none() && state.runs.contains_key(&start.run().id) {
                    return force(state, start, now);
                }
            }
            _ => {}
        }
        let begun = answer(start, state.begin(start));
        let decided = matches!(begun, Begun::Started(_) | Begun::Blocked);
        if let Some(row) = state.row(start.run()) {
            match self.weakness {
                Weakness::DecisionNotRecorded if decided => row.run.decision = None,
                Weakness::DenyHasAStart if matches!(begun, Begun::Blocked) => {
                    row.run.started_at = Some(now);
                }
                Weakness::UndecidedForEver => row.run.undecided_since = since,
                Weakness::EntryStaysAfterTheStart if decided => {
                    let entry = QueueEntry::of(&row.run);
                    if let Some(line) = &mut state.line {
                        line.push(&entry);
                    }
                }
                _ => {}
            }
        }
        begun
    }

    /// Whether a start that does not hold is let pass.
    fn passes(&self, state: &State, start: &Start, now: Timestamp) -> bool {
        let fence = start.fence();
        let lapsed = start.decision().lapses_at().is_some_and(|at| at <= now);
        let here = fence.store == state.id;
        // How each scope compares: with what it is now, none where it has no record.
        let all = |same: &dyn Fn(&countersign_domain::ScopeRevision) -> bool| {
            start.bound().is_none() && fence.scopes.iter().all(same)
        };
        let is = |one: &countersign_domain::ScopeRevision| {
            state.scopes.get(&one.workspace) == Some(&one.revision)
        };
        let known = |one: &countersign_domain::ScopeRevision| state.scopes.get(&one.workspace);
        match self.weakness {
            Weakness::RevisionsNotCompared => start.bound().is_none() && here && !lapsed,
            Weakness::DeniesNotFenced => start.bound().is_none() && !start.decision().is_allowed(),
            Weakness::NoncesNotCompared => {
                here && !lapsed
                    && all(&|one| {
                        known(one).is_some_and(|now| now.counter() == one.revision.counter())
                    })
            }
            Weakness::CountersNotCompared => {
                here && !lapsed
                    && all(&|one| known(one).is_some_and(|now| now.nonce() == one.revision.nonce()))
            }
            Weakness::OneScopeCompared => {
                let first = fence.scopes.first();
                here && !lapsed && start.bound().is_none() && first.is_some_and(is)
            }
            Weakness::ScopesWithoutRecordPass => {
                here && !lapsed && all(&|one| known(one).is_none() || is(one))
            }
            Weakness::NoScopeNeeded => here && !lapsed && all(&is),
            Weakness::StoreNotCompared => !lapsed && all(&is),
            Weakness::LapseNotChecked => here && all(&is),
            Weakness::BoundNotChecked => start.bound().is_some(),
            _ => false,
        }
    }
}

/// Starts or blocks a queued run without asking any further.
pub(super) fn force(state: &mut State, start: &Start, now: Timestamp) -> Begun {
    let Some(row) = state.runs.get_mut(&start.run().id) else {
        return Begun::NotQueued;
    };
    if row.run.status != RunStatus::Queued {
        return Begun::NotQueued;
    }
    row.start(start, now);
    state.dequeue(start.run().id);
    start.committed(now)
}

fn queue_again(state: &mut State, start: &Start) {
    if let Some(row) = state.row(start.run()) {
        row.run.status = RunStatus::Queued;
    }
}

/// Believes that a start has committed which nobody has seen.
pub(super) fn believe(state: &mut State, start: &Start) -> ReadBack {
    let now = state.now();
    ReadBack::Committed(start.committed(now))
}
