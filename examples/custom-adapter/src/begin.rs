//! The fence: check and start in one step.

use countersign_domain::{RunEvent, RunStatus, ScopeRevision, Timestamp};
use countersign_ports::{Begun, ReadBack, Start};

use super::state::{Lease, Row, State};

impl State {
    /// Starts or blocks one judged run: when it did, or why it did not. The lock has been ours since
    /// before the clock was read, and no change of authority comes between the comparison and the
    /// start: that is G2.
    pub(crate) fn begin(&mut self, start: &Start) -> Result<Timestamp, Begun> {
        if start.is_spent() {
            return Err(Begun::NotQueued);
        }
        let now = self.now();
        let holds = self.holds(start, now);
        let Some(row) = self.row(start.run()) else {
            return Err(Begun::NotQueued);
        };
        if row.run.status != RunStatus::Queued {
            return Err(Begun::NotQueued);
        }
        // Authority could be read, whatever comes of it (G6).
        row.run.undecided_since = None;
        if !holds {
            return Err(Begun::AuthorityMoved);
        }
        row.start(start, now);
        self.dequeue(start.run().id);
        Ok(now)
    }

    /// Whether what the decision rests on is as it was: allow or deny, the question is the same.
    pub(crate) fn holds(&self, start: &Start, now: Timestamp) -> bool {
        let fence = start.fence();
        let same = |one: &ScopeRevision| self.scopes.get(&one.workspace) == Some(&one.revision);
        let is_fenced =
            fence.store == self.id && !fence.scopes.is_empty() && fence.scopes.iter().all(same);
        // Where authority is another store's, an age limit takes the place of its fence.
        start.holds_at(now) && (start.bound().is_some() || is_fenced)
    }

    /// A decision that is on the run's record has committed; its id is part of the record.
    pub(crate) fn read_back(&mut self, start: &Start) -> ReadBack {
        let Some(row) = self.row(start.run()) else {
            return ReadBack::NotQueued;
        };
        if row.run.decision.as_ref() == Some(&start.record()) {
            let at = row.run.started_at.or(row.run.completed_at);
            let at = at.unwrap_or(row.run.queued_at);
            ReadBack::Committed(start.committed(at))
        } else if row.run.status == RunStatus::Queued {
            start.abandon();
            ReadBack::StillQueued
        } else {
            ReadBack::NotQueued
        }
    }
}

impl Row {
    /// Starts or blocks the run; the decision is on record in the same commit (G4).
    pub(crate) fn start(&mut self, start: &Start, now: Timestamp) {
        self.run.decision = Some(start.record());
        self.max_attempts = start.max_attempts();
        if start.decision().is_allowed() {
            self.step(RunEvent::Start, now);
            self.lease = Some(Lease {
                id: start.lease_id(),
                until: now.plus(start.lease_for()),
            });
        } else {
            self.step(RunEvent::Block, now);
        }
    }
}
