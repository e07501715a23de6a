//! Completions and what follows them, weakened.

use countersign_domain::{AuthorityMode, JsonText, RunId, RunOutcome, RunStatus};
use countersign_ports::{Finish, Finished, QueueEntry, Rescued, Work};

use super::{Weakened, Weakness};
use crate::memory::state::State;

impl Weakened {
    /// Makes of queued successors what they ought not to be.
    pub(super) fn spoil_successors(&self, state: &mut State) {
        for row in state.runs.values_mut() {
            let Some(of) = row.run.retry_of else { continue };
            match self.weakness {
                Weakness::SuccessorForgetsPriority => row.run.priority = 0,
                Weakness::SuccessorOfTheSystem => {
                    row.run.authority_mode = AuthorityMode::System;
                    row.run.initiator = None;
                }
                Weakness::SuccessorKeepsTheDecision => {
                    row.run.decision = Some(JsonText::of(&of).unwrap());
                }
                _ => {}
            }
        }
    }

    pub(super) fn finish_one(&self, state: &mut State, finish: &Finish) -> Finished {
        let now = state.now();
        let mut finish = finish.clone();
        if let Some(row) = state.runs.get_mut(&finish.run.id) {
            let running = row.run.status == RunStatus::Running;
            let late = row.lease.is_some_and(|lease| lease.until <= now);
            match self.weakness {
                Weakness::AnyWorkspaceFindsARun => {
                    finish.run.workspace_id = row.run.workspace_id.clone();
                }
                Weakness::LeaseIgnoredOnFinish => {
                    row.lease
                        .iter_mut()
                        .for_each(|lease| lease.id = finish.lease_id);
                }
                Weakness::FlagIgnored => row.flag = None,
                Weakness::ResultDropped => finish.result = None,
                Weakness::LateFinishRefused if running && late => return Finished::LeaseLost,
                Weakness::CompletionNotIdempotent if !running => return Finished::LeaseLost,
                Weakness::SuccessorInASecondCommit => finish.successor = None,
                _ => {}
            }
        }
        let finished = state.finish(&finish);
        match (&finished, &finish.successor) {
            (
                Finished::Completed {
                    outcome: RunOutcome::Cancelled,
                    successor: None,
                },
                Some(successor),
            ) if self.weakness == Weakness::SuccessorOfCancelled => {
                state.succeed(finish.run.id, successor.id, now, now, None);
                state.finish(&finish)
            }
            _ => finished,
        }
    }
}

/// Queues the successor that the completion itself did not.
pub(super) fn successor_after_all(
    state: &mut State,
    finish: &Finish,
    finished: Finished,
) -> Finished {
    let now = state.now();
    match (&finish.work, &finish.successor) {
        (Work::Failed(_), Some(successor)) => {
            let due_at = now.plus(successor.wait);
            state.succeed(finish.run.id, successor.id, now, due_at, None);
            state.finish(finish)
        }
        _ => finished,
    }
}

pub(super) fn lapsed(state: &mut State, limit: u32) -> Vec<RunId> {
    let now = state.now();
    let running = state
        .runs
        .values()
        .filter(|row| row.run.status == RunStatus::Running);
    let lapsed = running.filter(|row| row.lease.is_some_and(|lease| lease.until <= now));
    lapsed.map(|row| row.run.id).take(limit as usize).collect()
}

pub(super) fn rescued(state: &State, run: RunId) -> Rescued {
    let successor = state.runs[&run].successor;
    Rescued {
        run,
        successor: successor.map(|id| QueueEntry::of(&state.runs[&id].run)),
    }
}
