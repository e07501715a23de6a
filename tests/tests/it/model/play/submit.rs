//! Submissions, and what operators do to runs: cancels and retries.

use std::time::Duration;

use countersign_conformance::change::id;
use countersign_conformance::scene::note;
use countersign_domain::{RunId, RunOutcome, RunStatus, Submission};
use countersign_ports::{Cancelled, Retried, Submitted};

use super::super::window::Window;
use super::super::world::{Ask, SOON, UNIQUE, submission};
use super::Play;

impl Play {
    pub(super) async fn submit(
        &mut self,
        ask: Ask,
        who: u8,
        unique: bool,
        priority: i8,
        soon: bool,
    ) {
        let due_at = match soon {
            true => Some(self.clock().await.plus(SOON)),
            false => None,
        };
        self.offer(Submission {
            unique_key: unique.then(|| id(UNIQUE)),
            priority: priority.into(),
            due_at,
            ..submission(ask, who)
        })
        .await;
    }

    pub(super) async fn resubmit(&mut self, run: u8, same: bool) {
        let Some(run) = self.runs.pick(run, |known| known.run.attempt == 1) else {
            return;
        };
        let of = self.known(run).run.clone();
        let operation_type = match same {
            true => of.operation_type,
            false => id("something.else"),
        };
        self.offer(Submission {
            id: Some(run),
            workspace_id: of.workspace_id,
            tenant_id: of.tenant_id,
            authority_mode: of.authority_mode,
            initiator: of.initiator,
            operation_type,
            provider_connection_id: of.provider_connection_id,
            context: of.context,
            due_at: None,
            priority: of.priority,
            unique_key: of.unique_key,
            queue_name: of.queue_name,
        })
        .await;
    }

    /// A known id is answered with what it is of, and a held key with its holder.
    async fn offer(&mut self, submission: Submission) {
        let of_that_id = submission.id.and_then(|id| self.runs.known.get(&id));
        let expected = match of_that_id {
            Some(known) if known.run.operation_type == submission.operation_type => {
                Some(Submitted::Existing { id: known.run.id })
            }
            Some(known) => Some(Submitted::IdTaken { id: known.run.id }),
            None => self
                .held_by(&submission)
                .map(|id| Submitted::Existing { id }),
        };
        let submissions = [submission.clone()];
        let (mut submitted, during) = self.during(self.scene().offer(&submissions)).await;
        match (submitted.remove(0), expected) {
            (Submitted::Created { id, due_at }, None) => {
                let due = submission.due_at.map_or(during, Window::at);
                assert!(due.holds(due_at), "due at {due_at}, not during {due:?}");
                self.runs.queue(id, submission, during);
                self.queued(id, Duration::ZERO, due);
                self.saw("queued");
            }
            (submitted, expected) => {
                self.saw(match submitted {
                    Submitted::IdTaken { .. } => "taken by another",
                    Submitted::Existing { .. } | Submitted::Created { .. } => "there already",
                });
                assert_eq!(Some(submitted), expected);
            }
        }
    }

    fn held_by(&self, submission: &Submission) -> Option<RunId> {
        self.runs.holder(
            &submission.workspace_id,
            &submission.tenant_id,
            &submission.operation_type,
            submission.unique_key.as_ref(),
        )
    }

    /// A run is queued, and its entry pushed.
    pub(super) fn queued(&mut self, run: RunId, wait: Duration, during: Window) {
        let run = &self.runs.known[&run].run;
        self.entries.push(run, during.plus(wait));
    }

    pub(super) async fn cancel(&mut self, run: u8) {
        let status = match run % 2 {
            0 => RunStatus::Running,
            _ => RunStatus::Queued,
        };
        let Some(run) = self.runs.pick(run, |known| known.is(status)) else {
            return;
        };
        let key = self.known(run).key();
        let note = note("operator on duty", "no longer wanted");
        let (cancelled, during) = self.during(self.scene().cancel(&key, note.clone())).await;
        let known = self.known(run);
        let expected = match (known.run.status, &known.run.cancel) {
            (RunStatus::Queued, _) => Cancelled::BeforeStart,
            (RunStatus::Running, None) => Cancelled::Requested,
            (RunStatus::Running, Some(_)) => Cancelled::AlreadyRequested,
            (RunStatus::Completed, _) => Cancelled::AlreadyCompleted(known.run.outcome),
        };
        assert_eq!(cancelled, expected, "cancel of {:?}", known.run);
        match cancelled {
            Cancelled::BeforeStart => {
                known.run.cancel = Some(note);
                known.complete(RunOutcome::Cancelled, during);
                self.left(run);
                self.saw("cancelled before the start");
            }
            Cancelled::Requested => {
                known.run.cancel = Some(note);
                self.saw("to be cancelled");
            }
            Cancelled::AlreadyRequested | Cancelled::AlreadyCompleted(_) | Cancelled::NotFound => {}
        }
    }

    pub(super) async fn retry(&mut self, run: u8) {
        let Some(run) = self.runs.pick(run, |known| known.is(RunStatus::Completed)) else {
            return;
        };
        let known = self.known(run).clone();
        let (retried, during) = self.during(self.scene().retry(&known.key())).await;
        let of = &known.run;
        let key = of.unique_key.as_ref();
        let holder = self
            .runs
            .holder(&of.workspace_id, &of.tenant_id, &of.operation_type, key);
        let expected = match (of.status, known.successor, holder) {
            (RunStatus::Queued | RunStatus::Running, _, _) => Some(Retried::NotCompleted),
            (RunStatus::Completed, Some(id), _) => Some(Retried::Existing { id }),
            (RunStatus::Completed, None, Some(holder)) => Some(Retried::UniqueKeyHeld { holder }),
            (RunStatus::Completed, None, None) => None,
        };
        match (retried, expected) {
            (Retried::Created(entry), None) => {
                let by = Some(id("operator on duty"));
                self.runs
                    .succeed(run, entry.run.id, by, Duration::ZERO, during);
                self.queued(entry.run.id, Duration::ZERO, during);
                self.saw("retried");
            }
            (retried, expected) => {
                self.saw(match retried {
                    Retried::UniqueKeyHeld { .. } => "retried while another holds the key",
                    Retried::NotCompleted => "retried too early",
                    Retried::Existing { .. } | Retried::Created(_) | Retried::NotFound => {
                        "retried before"
                    }
                });
                assert_eq!(Some(retried), expected, "retry of {of:?}");
            }
        }
    }
}
