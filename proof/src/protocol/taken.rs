//! What comes of a step.

use super::authority::{Kind, Phase};
use super::run::{Decision, Run, Status};
use super::step::Step;
use super::worker::{Asked, Opened, Task, Worker};
use super::{Omission, Protocol, State};

impl Protocol {
    pub(super) fn take(&self, state: &mut State, step: Step) {
        match step {
            Step::Judge { worker, run } => self.judge(state, worker, run),
            Step::ReadRevision { worker } => {
                if let Task::Reading { run, allows } = state.workers[worker].task {
                    ask(state, worker, run, allows);
                }
            }
            Step::Open { start, again } => self.open(state, start, again),
            Step::Commit { start, lost } => self.commit(state, start, lost),
            Step::TimeOut { worker } => {
                state.left.losses -= 1;
                if let Task::Waiting(asked) = state.workers[worker].task {
                    state.workers[worker].task = Task::Unsure(asked);
                }
            }
            Step::ReadBack { worker } => self.read_back(state, worker),
            Step::Enter { worker } => enter(state, worker),
            Step::Finish { worker, fails } => self.finish(state, worker, fails),
            Step::PassDeadline { worker } => {
                state.left.stalls -= 1;
                state.workers[worker].is_late = true;
            }
            Step::LetGo { worker } => forget(state, worker),
            Step::Crash { worker } => {
                state.left.crashes -= 1;
                forget(state, worker);
            }
            Step::Lapse { run } => {
                if let Status::Running { under, .. } = state.runs[run].status {
                    let lapsed = true;
                    state.runs[run].status = Status::Running { under, lapsed };
                }
            }
            Step::Rescue { run } => self.fail(state, run),
            Step::Change { change } => self.go_on(state, change),
            Step::Expire => state.authority.has_expired = true,
            Step::Save => state.authority.backup = Some(state.authority.facts),
            Step::Restore => {
                state.left.restores -= 1;
                if let Some(saved) = state.authority.backup.take() {
                    state.authority.facts = saved;
                }
            }
            Step::LoseScope => {
                state.left.damages -= 1;
                state.authority.facts.scopes[0] = None;
            }
        }
    }

    fn judge(&self, state: &mut State, worker: usize, run: usize) {
        let authority = &state.authority;
        let allows = authority.allows(state.runs[run].workspace, authority.has_expired);
        if self.omits(Omission::LookUpInOneSnapshot) {
            state.workers[worker].task = Task::Reading { run, allows };
        } else {
            ask(state, worker, run, allows);
        }
    }

    fn open(&self, state: &mut State, start: usize, again: bool) {
        let asked = state.wire[start];
        if again {
            state.left.doubles -= 1;
        } else {
            state.wire.remove(start);
        }
        let scope = state.authority.facts.scopes[state.runs[asked.run].workspace];
        let is_same = if self.omits(Omission::CompareNonces) {
            scope.map(|now| now.counter) == asked.revision.map(|then| then.counter)
        } else {
            scope == asked.revision
        };
        let expired = state.authority.has_expired;
        let has_lapsed = asked.allows && asked.lapses && expired;
        let stands = (is_same && (!has_lapsed || self.omits(Omission::LapseAllows)))
            || self.omits(Omission::CompareRevisions)
            || (!asked.allows && self.omits(Omission::FenceDenies));
        let locks = !self.omits(Omission::LockScopeForStart);
        state.opened.push(Opened {
            asked,
            stands,
            locks,
            expired,
        });
        state.opened.sort_unstable();
    }

    fn commit(&self, state: &mut State, start: usize, lost: bool) {
        let Opened {
            asked,
            stands,
            expired,
            ..
        } = state.opened.remove(start);
        let run = &mut state.runs[asked.run];
        let may_move = match run.status {
            Status::Queued => !run.barred.contains(&asked.decision),
            Status::Running { .. } | Status::Blocked | Status::Succeeded | Status::Failed => {
                self.omits(Omission::StartQueuedOnly)
            }
        };
        let moves = stands && may_move;
        if moves {
            let authority = &state.authority;
            state.faults.overtaken |= asked.allows != authority.allows(run.workspace, expired);
            state.faults.judged_undecided |= authority.facts.scopes[run.workspace].is_none();
            if asked.allows {
                let under = asked.decision;
                let lapsed = false;
                run.status = Status::Running { under, lapsed };
                run.starts += 1;
            } else {
                run.status = Status::Blocked;
            }
            if !self.omits(Omission::DecideInTheStart) {
                run.decision = Some(asked.decision);
            }
        }
        let worker = &mut state.workers[asked.decision.worker];
        if lost {
            state.left.losses -= 1;
        }
        match worker.task {
            Task::Waiting(of) if of.decision == asked.decision => {
                if lost {
                    worker.task = Task::Unsure(asked);
                } else if moves && asked.allows {
                    worker.task = Task::Permitted(asked);
                } else {
                    worker.ends();
                }
            }
            // Nobody waits for this answer.
            Task::Idle
            | Task::Reading { .. }
            | Task::Waiting(_)
            | Task::Unsure(_)
            | Task::Permitted(_)
            | Task::Inside(_) => {}
        }
    }

    fn read_back(&self, state: &mut State, worker: usize) {
        let Task::Unsure(asked) = state.workers[worker].task else {
            return;
        };
        let run = &mut state.runs[asked.run];
        if run.runs_under(asked.decision) {
            state.workers[worker].task = Task::Permitted(asked);
            return;
        }
        if run.status == Status::Queued && !self.omits(Omission::BarDecisions) {
            run.barred.insert(asked.decision);
        }
        state.workers[worker].ends();
    }

    fn finish(&self, state: &mut State, worker: usize, fails: bool) {
        let Task::Inside(asked) = state.workers[worker].task else {
            return;
        };
        if fails {
            state.left.failures -= 1;
        }
        if state.runs[asked.run].runs_under(asked.decision)
            || self.omits(Omission::FinishUnderLease)
        {
            state.faults.completed_twice |= state.runs[asked.run].is_completed();
            if fails {
                self.fail(state, asked.run);
            } else {
                state.runs[asked.run].status = Status::Succeeded;
            }
        }
        state.workers[worker].ends();
    }

    /// Completes a run that failed, and queues its successor, in one commit.
    fn fail(&self, state: &mut State, run: usize) {
        let failed = &mut state.runs[run];
        failed.status = Status::Failed;
        let may_go_on = failed.attempt < failed.attempts && !failed.has_successor;
        if may_go_on && !self.omits(Omission::QueueSuccessors) {
            failed.has_successor = true;
            let successor = Run::queued(failed.workspace, failed.attempt + 1, failed.attempts);
            state.runs.push(successor);
        }
    }

    fn go_on(&self, state: &mut State, change: usize) {
        let looks_first = self.looks_first(&state.changes[change]);
        let facts = &state.authority.facts;
        let this = &mut state.changes[change];
        match this.phase {
            Phase::Begun if looks_first => this.phase = Phase::Found(this.concerns(facts)),
            Phase::Begun => {
                this.holds_subject = true;
                this.phase = Phase::Locked;
            }
            Phase::Locked => this.phase = Phase::Found(this.concerns(facts)),
            Phase::Found(_) if !this.holds_subject => this.holds_subject = true,
            Phase::Found(scopes) => {
                let lacks =
                    |workspace: usize| scopes[workspace] && facts.scopes[workspace].is_none();
                if (0..scopes.len()).any(lacks) {
                    // Refused: nothing was changed.
                    this.holds_subject = false;
                    this.phase = Phase::Committed;
                } else {
                    this.phase = Phase::Raised(scopes);
                }
            }
            Phase::Raised(scopes) => {
                this.holds_subject = false;
                this.phase = Phase::Committed;
                this.make(&mut state.authority.facts);
                if !self.leaves_scopes(this.kind) {
                    for workspace in (0..scopes.len()).filter(|workspace| scopes[*workspace]) {
                        state.authority.raise(workspace);
                    }
                }
            }
            Phase::Committed => {}
        }
    }

    /// Whether changes of this kind raise nothing.
    fn leaves_scopes(&self, kind: Kind) -> bool {
        self.omits(match kind {
            Kind::Disable | Kind::Enable => Omission::RaiseForUsers,
            Kind::Grant(_) => Omission::RaiseForGrants,
            Kind::Revoke(_) => Omission::RaiseForRevocations,
        })
    }
}

/// A worker asks the store to begin what it has judged.
fn ask(state: &mut State, worker: usize, run: usize, allows: bool) {
    let workspace = state.runs[run].workspace;
    let decision = Decision {
        worker,
        number: state.workers[worker].decisions,
    };
    let asked = Asked {
        run,
        decision,
        allows,
        lapses: allows && state.authority.lapses(workspace),
        revision: state.authority.facts.scopes[workspace],
    };
    state.workers[worker] = Worker {
        task: Task::Waiting(asked),
        decisions: decision.number + 1,
        is_late: false,
    };
    state.wire.push(asked);
    state.wire.sort_unstable();
}

fn enter(state: &mut State, worker: usize) {
    if let Task::Permitted(asked) | Task::Inside(asked) = state.workers[worker].task {
        let run = &mut state.runs[asked.run];
        state.faults.entered_too_late |= !run.runs_under(asked.decision);
        run.entries += 1;
        state.workers[worker].task = Task::Inside(asked);
    }
}

fn forget(state: &mut State, worker: usize) {
    match state.workers[worker].task {
        Task::Waiting(asked)
        | Task::Unsure(asked)
        | Task::Permitted(asked)
        | Task::Inside(asked) => {
            state.forgotten.insert(asked.decision);
        }
        Task::Idle | Task::Reading { .. } => {}
    }
    state.workers[worker].ends();
}
