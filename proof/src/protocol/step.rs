//! What can happen.

use super::authority::{Change, Phase};
use super::run::{Run, Status};
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
            let keeps_out = |other: &Change| {
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

    pub(super) fn looks_first(&self, change: &Change) -> bool {
        self.omits(Omission::LockSubjectsFirst) && change.is_exclusive()
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

fn is_at_rest(change: &Change) -> bool {
    matches!(change.phase, Phase::Begun | Phase::Committed)
}
