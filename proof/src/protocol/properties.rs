//! What must hold in every state.

use stateright::Property;

use super::run::{Run, Status};
use super::{Protocol, State};

/// What was seen going wrong at the moment it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    /// A run was started or blocked against the authority that was committed by then.
    pub(super) overtaken: bool,
    /// A run was started or blocked though its scope had no record.
    pub(super) judged_undecided: bool,
    /// A handler was entered though the run did not run under that lease.
    pub(super) entered_too_late: bool,
    /// A completed run came to something else.
    pub(super) completed_twice: bool,
}

pub(super) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always("G1: a blocked run never started", |_, state: &State| {
            each(state, |run| {
                run.status != Status::Blocked || run.starts == 0
            })
        }),
        Property::always(
            "G2: nothing is overtaken by a change",
            |_, state: &State| !state.faults.overtaken,
        ),
        Property::always("G3: a run starts once", |_, state: &State| {
            each(state, |run| run.starts <= 1 && run.entries <= 1)
        }),
        Property::always("G3: nobody enters without a lease", |_, state: &State| {
            !state.faults.entered_too_late
        }),
        Property::always("G3: a completed run never changes", |_, state: &State| {
            !state.faults.completed_twice
        }),
        Property::always("G3: a start is known to its worker", known_to_its_worker),
        Property::always("G4: a decided run has its decision", |_, state: &State| {
            each(state, |run| {
                let is_decided = run.starts > 0 || run.status == Status::Blocked;
                !is_decided || run.decision.is_some()
            })
        }),
        Property::always("G5: a failed run has its successor", |_, state: &State| {
            each(state, |run| {
                run.status != Status::Failed || run.attempt == run.attempts || run.has_successor
            })
        }),
        Property::always("G5: every run ends", every_run_ends),
        Property::always("G6: what is undecided is left alone", |_, state: &State| {
            !state.faults.judged_undecided
        }),
        Property::sometimes("a run succeeds", |_, state: &State| {
            state.runs.iter().any(|run| run.status == Status::Succeeded)
        }),
        Property::sometimes("a run is blocked", |_, state: &State| {
            state.runs.iter().any(|run| run.status == Status::Blocked)
        }),
    ]
}

fn each(state: &State, holds: impl Fn(&Run) -> bool) -> bool {
    state.runs.iter().all(holds)
}

/// A running run is on somebody's mind, or whoever started it is gone.
fn known_to_its_worker(_: &Protocol, state: &State) -> bool {
    each(state, |run| match run.status {
        Status::Running { under, .. } => {
            state.workers[under.worker].is_to(under) || state.forgotten.contains(&under)
        }
        Status::Queued | Status::Blocked | Status::Succeeded | Status::Failed => true,
    })
}

/// Where nothing can happen any more but what nobody wants, all runs are completed: but for those whose authority
/// cannot be read.
fn every_run_ends(protocol: &Protocol, state: &State) -> bool {
    let mut calm = state.clone();
    calm.left = super::Budget::default();
    let mut steps = Vec::new();
    protocol.possible(&calm, &mut steps);
    let undecided = |run: &Run| {
        state.authority.facts.scopes[run.workspace].is_none() && run.status == Status::Queued
    };
    !steps.is_empty() || each(state, |run| run.is_completed() || undecided(run))
}
