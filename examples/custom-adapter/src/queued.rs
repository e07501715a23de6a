//! What else may befall a queued run: it is cancelled, or put off. And the offices.

use countersign_domain::{Failure, FailureCode, RunEvent, RunStatus};
use countersign_ports::{
    Cancellation, Cancelled, Candidacy, Elected, PutOff, Undecided, UndecidedPolicy,
};

use super::state::{State, Term};

impl State {
    pub(crate) fn cancel(&mut self, cancellation: &Cancellation) -> Cancelled {
        let now = self.now();
        let Some(row) = self.runs.get_mut(&cancellation.run) else {
            return Cancelled::NotFound;
        };
        match row.run.status {
            RunStatus::Queued => {
                row.run.cancel = Some(cancellation.note.clone());
                row.step(RunEvent::CancelQueued, now);
                self.dequeue(cancellation.run);
                Cancelled::BeforeStart
            }
            RunStatus::Running if row.flag.is_some() => Cancelled::AlreadyRequested,
            RunStatus::Running => {
                row.flag = Some(cancellation.note.clone());
                Cancelled::Requested
            }
            RunStatus::Completed => Cancelled::AlreadyCompleted(row.run.outcome),
        }
    }

    /// Puts a run off whose authority could not be read, or gives it up (G6).
    pub(crate) fn put_off(&mut self, undecided: &Undecided, policy: &UndecidedPolicy) -> PutOff {
        let now = self.now();
        let Some(row) = self.row(&undecided.run) else {
            return PutOff::NotQueued;
        };
        if row.run.status != RunStatus::Queued {
            return PutOff::NotQueued;
        }
        let since = *row.run.undecided_since.get_or_insert(now);
        let Some(wait) = policy.wait_at(now.since(since)) else {
            row.run.failure = Some(Failure {
                code: FailureCode::AuthorityUnavailable,
                message: format!(
                    "authority could not be read since {since}: {}",
                    undecided.cause
                ),
            });
            row.step(RunEvent::GiveUp, now);
            self.dequeue(undecided.run.id);
            return PutOff::GaveUp;
        };
        let until = now.plus(wait);
        row.run.due_at = until;
        if let Some(line) = &mut self.line {
            line.postpone(undecided.run.id, until);
        }
        PutOff::Waiting { since, until }
    }

    pub(crate) fn elect(&mut self, candidacy: &Candidacy<'_>) -> Elected {
        let now = self.now();
        let held = self.offices.get(candidacy.office);
        if held.is_some_and(|term| term.until > now && term.holder != candidacy.holder) {
            return Elected::Another;
        }
        let term = Term {
            holder: candidacy.holder.to_owned(),
            until: now.plus(candidacy.term),
        };
        self.offices.insert(candidacy.office.to_owned(), term);
        Elected::Holder
    }

    pub(crate) fn step_down(&mut self, office: &str, holder: &str) {
        let held = self.offices.get(office);
        if held.is_some_and(|term| term.holder == holder) {
            self.offices.remove(office);
        }
    }
}
