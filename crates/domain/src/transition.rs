//! The legal transitions of a run: forward only, and once.

use crate::{RunOutcome, RunStatus};

/// Something that happens to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunEvent {
    /// An allow committed.
    Start,
    /// A deny committed.
    Block,
    /// A queued run was cancelled.
    CancelQueued,
    /// Authority could not be read for too long (G6).
    GiveUp,
    /// The handler ended with what it came to, under the run's lease.
    Finish(RunOutcome),
    /// The lease lapsed and the run was rescued.
    Lose,
}

/// An event that the run's status does not permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is not possible for a run that is {status}")]
pub struct IllegalTransition {
    /// Where the run stood.
    pub status: RunStatus,
    /// What was to happen.
    pub event: RunEvent,
}

/// Where an event takes a run that stands at `status` (G1, G3).
///
/// # Errors
/// [`IllegalTransition`] for everything that is not `queued → running → completed` or
/// `queued → completed`.
pub const fn transition(
    status: RunStatus,
    event: RunEvent,
) -> Result<(RunStatus, RunOutcome), IllegalTransition> {
    match (status, event) {
        (RunStatus::Queued, RunEvent::Start) => Ok((RunStatus::Running, RunOutcome::Pending)),
        (RunStatus::Queued, RunEvent::Block) => Ok((RunStatus::Completed, RunOutcome::Blocked)),
        (RunStatus::Queued, RunEvent::CancelQueued) => {
            Ok((RunStatus::Completed, RunOutcome::Cancelled))
        }
        (RunStatus::Queued, RunEvent::GiveUp) => Ok((RunStatus::Completed, RunOutcome::Failed)),
        (
            RunStatus::Running,
            RunEvent::Finish(
                outcome @ (RunOutcome::Succeeded
                | RunOutcome::PartiallySucceeded
                | RunOutcome::Failed
                | RunOutcome::Cancelled),
            ),
        ) => Ok((RunStatus::Completed, outcome)),
        (RunStatus::Running, RunEvent::Lose) => Ok((RunStatus::Completed, RunOutcome::Failed)),
        (RunStatus::Queued, RunEvent::Finish(_) | RunEvent::Lose)
        | (
            RunStatus::Running,
            RunEvent::Start
            | RunEvent::Block
            | RunEvent::CancelQueued
            | RunEvent::GiveUp
            | RunEvent::Finish(RunOutcome::Pending | RunOutcome::Blocked),
        )
        | (
            RunStatus::Completed,
            RunEvent::Start
            | RunEvent::Block
            | RunEvent::CancelQueued
            | RunEvent::GiveUp
            | RunEvent::Finish(_)
            | RunEvent::Lose,
        ) => Err(IllegalTransition { status, event }),
    }
}
