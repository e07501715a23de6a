//! What can happen, and what comes of it.

use super::authority::Phase;
use super::run::{Decision, Run, Status};
use super::worker::{Asked, Opened, Task, Worker};
use super::{Omission, Protocol, State};

/// One thing that nothing can come between. Workers, runs, starts and changes are told by their places.
#[expect(missing_docs, reason = "the fields say who it is that takes the step")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A worker looks a queued run's authority up, judges it, and sends what `begin` is to make of it.
    Judge { worker: usize, run: usize },
    /// The second half of a look-up that is no snapshot.
    ReadRevision { worker: usize },
    /// The store takes a start up: it locks the scope, reads the clock and compares.
    Open { start: usize, again: bool },
    /// The store commits a start, whatever it came to, and answers.
    Commit { start: usize, lost: bool },
    /// A worker gives up waiting for an answer.
    TimeOut { worker: usize },
    /// It finds out what became of its start.
    ReadBack { worker: usize },
    /// It enters the handler with its permit.
    Enter { worker: usize },
    /// The handler ends.
    Finish { worker: usize, fails: bool },
    /// The deadline of what a worker has asked for passes.
    PassDeadline { worker: usize },
    /// A worker that is too late lets go.
    LetGo { worker: usize },
    /// A worker is killed, and another one takes its place.
    Crash { worker: usize },
    /// A lease lapses.
    Lapse { run: usize },
    /// The sweeper rescues a run.
    Rescue { run: usize },
    /// A change of authority gets on by a step.
    Change { change: usize },
    /// The grant that expires does so.
    Expire,
    /// Authority is saved.
    Save,
    /// … and set back to what was saved.
    Restore,
    /// A scope's record is lost.
    LoseScope,
}

impl Protocol {
    pub(super) fn possible(&self, state: &State, steps: &mut Vec<Step>) {
        for worker in 0..state.workers.len() {
            self.of_worker(state, worker, steps);
        }
        for start in 0..state.wire.len() {
            if self.may_open(state, &state.wire[start]) {
                steps.push(Step::Open {
                    start,
                    again: false,
                });
                if state.left.doubles > 0 {
                    steps.push(Step::Open { start, again: true });
                }
            }
        }
        for start in 0..state.opened.len() {
            steps.push(Step::Commit { start, lost: false });
            if state.left.losses > 0 {
                steps.push(Step::Commit { start, lost: true });
            }
        }
        for run in 0..state.runs.len() {
            self.of_run(state, run, steps);
        }
        for change in 0..state.changes.len() {
            if self.may_go_on(state, change) {
                steps.push(Step::Change { change });
            }
        }
        of_the_world(state, steps);
    }

    fn of_worker(&self, state: &State, worker: usize, steps: &mut Vec<Step>) {
        let Worker { task, is_late, .. } = state.workers[worker];
        match task {
            Task::Idle => {
                let runs = state.runs.iter().enumerate();
                let judged = runs.filter(|(_, run)| self.may_judge(state, run));
                steps.extend(judged.map(|(run, _)| Step::Judge { worker, run }));
            }
            Task::Reading { .. } => steps.push(Step::ReadRevision { worker }),
            Task::Waiting(_) if state.left.losses > 0 => steps.push(Step::TimeOut { worker }),
            Task::Waiting(_) => {}
            Task::Unsure(_) => steps.push(Step::ReadBack { worker }),
            Task::Permitted(_) => {
                if !is_late || self.omits(Omission::KeepDeadlines) {
                    steps.push(Step::Enter { worker });
                }
            }
            Task::Inside(asked) => {
                if self.omits(Omission::ConsumePermits) && state.runs[asked.run].entries < 2 {
                    steps.push(Step::Enter { worker });
                }
                steps.push(Step::Finish {
                    worker,
                    fails: false,
                });
                if state.left.failures > 0 {
                    steps.push(Step::Finish {
                        worker,
                        fails: true,
                    });
                }
            }
        }
        let is_busy = !matches!(task, Task::Idle | Task::Reading { .. });
        if is_busy && !is_late && state.left.stalls > 0 {
            steps.push(Step::PassDeadline { worker });
        }
        if is_late && matches!(task, Task::Permitted(_) | Task::Inside(_)) {
            steps.push(Step::LetGo { worker });
        }
        if task != Task::Idle && state.left.crashes > 0 {
            steps.push(Step::Crash { worker });
        }
    }

    fn may_judge(&self, state: &State, run: &Run) -> bool {
        let is_recorded = state.authority.facts.scopes[run.workspace].is_some();
        run.status == Status::Queued && (is_recorded || self.omits(Omission::RecordOfScope))
    }

    /// A start waits for whoever changes its scope.
    fn may_open(&self, state: &State, asked: &Asked) -> bool {
        let workspace = state.runs[asked.run].workspace;
        self.omits(Omission::LockScopeForStart)
            || !state.changes.iter().any(|change| change.holds(workspace))
    }

    fn of_run(&self, state: &State, run: usize, steps: &mut Vec<Step>) {
        let Status::Running { under, lapsed } = state.runs[run].status else {
            return;
        };
        // A worker's deadline passes before the lease that the store has given.
        let holder = &state.workers[under.worker];
        if !lapsed && (!holder.is_to(under) || holder.is_late) {
            steps.push(Step::Lapse { run });
        }
        let may_be_rescued = lapsed || self.omits(Omission::RescueLapsedOnly);
        if may_be_rescued && !self.omits(Omission::Sweep) {
            steps.push(Step::Rescue { run });
        }
    }

    fn may_go_on(&self, state: &State, change: usize) -> bool {
        let this = &state.changes[change];
        let others = || {
            let others = state.changes.iter().enumerate();
            others
                .filter(move |(other, _)| *other != change)
                .map(|(_, other)| other)
        };
        let may_lock = || {
            let keeps_out = |other: &super::Change| {
                other.holds_subject && (other.is_exclusive() || this.is_exclusive())
            };
            !others().any(keeps_out)
        };
        match this.phase {
            Phase::Begun => self.looks_first(this) || may_lock(),
            Phase::Found(_) if !this.holds_subject => may_lock(),
            Phase::Found(scopes) => {
                let is_free = |workspace: usize| {
                    let started = |opened: &Opened| {
                        opened.locks && state.runs[opened.asked.run].workspace == workspace
                    };
                    !others().any(|other| other.holds(workspace))
                        && !state.opened.iter().any(started)
                };
                (0..scopes.len()).all(|workspace| !scopes[workspace] || is_free(workspace))
            }
            Phase::Locked | Phase::Raised(_) => true,
            Phase::Committed => false,
        }
    }

    fn looks_first(&self, change: &super::Change) -> bool {
        self.omits(Omission::LockSubjectsFirst) && change.is_exclusive()
    }

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
    fn leaves_scopes(&self, kind: super::Kind) -> bool {
        self.omits(match kind {
            super::Kind::Disable | super::Kind::Enable => Omission::RaiseForUsers,
            super::Kind::Grant(_) => Omission::RaiseForGrants,
            super::Kind::Revoke(_) => Omission::RaiseForRevocations,
        })
    }
}

fn of_the_world(state: &State, steps: &mut Vec<Step>) {
    let authority = &state.authority;
    // What holds a lock on a record sees no other hand at it.
    let nobody_is_at_work = state.opened.is_empty() && state.changes.iter().all(is_at_rest);
    if authority.grant_expires && !authority.has_expired {
        steps.push(Step::Expire);
    }
    if state.left.restores > 0 {
        match authority.backup {
            None => steps.push(Step::Save),
            Some(_) if nobody_is_at_work => steps.push(Step::Restore),
            Some(_) => {}
        }
    }
    if state.left.damages > 0 && authority.facts.scopes[0].is_some() && nobody_is_at_work {
        steps.push(Step::LoseScope);
    }
}

fn is_at_rest(change: &super::Change) -> bool {
    matches!(change.phase, Phase::Begun | Phase::Committed)
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
