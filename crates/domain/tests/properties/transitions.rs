//! What holds of a run whatever happens to it.

use countersign_domain::{RunEvent, RunOutcome, RunStatus, transition};
use proptest::prelude::*;

use crate::config;

proptest! {
    #![proptest_config(config())]

    /// Status only moves forward, whatever happens to a run (G3); a run that started is never
    /// blocked, and a run that was blocked never started (G1).
    #[test]
    fn status_only_moves_forward(events in prop::collection::vec(event(), 0..20)) {
        let (mut status, mut outcome) = (RunStatus::Queued, RunOutcome::Pending);
        let mut starts = 0;
        for event in events {
            let Ok((next, came_to)) = transition(status, event) else {
                continue;
            };
            prop_assert!(next > status, "{:?} took {} to {}", event, status, next);
            starts += usize::from(next == RunStatus::Running);
            (status, outcome) = (next, came_to);
        }
        prop_assert!(starts <= 1);
        prop_assert_eq!(outcome == RunOutcome::Pending, status != RunStatus::Completed);
        if outcome == RunOutcome::Blocked {
            prop_assert_eq!(starts, 0);
        }
        if matches!(outcome, RunOutcome::Succeeded | RunOutcome::PartiallySucceeded) {
            prop_assert_eq!(starts, 1);
        }
    }
}

/// The nine legal transitions, and no tenth.
#[test]
fn nine_transitions_are_legal() {
    let mut legal = Vec::new();
    for &status in RunStatus::ALL {
        for event in every_event() {
            if let Ok((next, outcome)) = transition(status, event) {
                legal.push(format!("{status} -{event:?}-> {next}, {outcome}"));
            }
        }
    }
    let expected = [
        "queued -Start-> running, pending",
        "queued -Block-> completed, blocked",
        "queued -CancelQueued-> completed, cancelled",
        "queued -GiveUp-> completed, failed",
        "running -Finish(Succeeded)-> completed, succeeded",
        "running -Finish(PartiallySucceeded)-> completed, partially_succeeded",
        "running -Finish(Failed)-> completed, failed",
        "running -Finish(Cancelled)-> completed, cancelled",
        "running -Lose-> completed, failed",
    ];
    legal.sort_unstable();
    let mut sorted = expected.to_vec();
    sorted.sort_unstable();
    assert_eq!(legal, sorted);
}

fn every_event() -> Vec<RunEvent> {
    [
        RunEvent::Start,
        RunEvent::Block,
        RunEvent::CancelQueued,
        RunEvent::GiveUp,
        RunEvent::Lose,
    ]
    .into_iter()
    .chain(RunOutcome::ALL.iter().copied().map(RunEvent::Finish))
    .collect()
}

fn event() -> impl Strategy<Value = RunEvent> {
    prop::sample::select(every_event())
}
