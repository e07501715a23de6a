//! What a worker has done so far.

use std::sync::atomic::{AtomicU64, Ordering};

use countersign_domain::RunOutcome;

/// Counts, readable while the worker runs.
#[derive(Debug, Default)]
pub struct Progress {
    started: AtomicU64,
    succeeded: AtomicU64,
    partially_succeeded: AtomicU64,
    failed: AtomicU64,
    blocked: AtomicU64,
    cancelled: AtomicU64,
    put_off: AtomicU64,
    rescued: AtomicU64,
}

/// What a worker has done, as of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Runs whose start it committed.
    pub started: u64,
    /// Runs it completed as succeeded.
    pub succeeded: u64,
    /// Runs it completed as partially succeeded.
    pub partially_succeeded: u64,
    /// Runs it completed as failed, undecided for too long among them.
    pub failed: u64,
    /// Runs it blocked.
    pub blocked: u64,
    /// Runs it completed as cancelled.
    pub cancelled: u64,
    /// Times it put a run off because its authority could not be read.
    pub put_off: u64,
    /// Runs of lost workers that it rescued.
    pub rescued: u64,
}

impl Tally {
    /// Runs that it completed.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.succeeded + self.partially_succeeded + self.failed + self.blocked + self.cancelled
    }
}

impl Progress {
    /// The counts at this moment.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Tally {
            started: read(&self.started),
            succeeded: read(&self.succeeded),
            partially_succeeded: read(&self.partially_succeeded),
            failed: read(&self.failed),
            blocked: read(&self.blocked),
            cancelled: read(&self.cancelled),
            put_off: read(&self.put_off),
            rescued: read(&self.rescued),
        }
    }

    pub(super) fn count_started(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_put_off(&self) {
        self.put_off.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_rescued(&self, runs: usize) {
        self.rescued.fetch_add(runs as u64, Ordering::Relaxed);
    }

    pub(super) fn count_completed(&self, outcome: RunOutcome) {
        match outcome {
            RunOutcome::Pending => return,
            RunOutcome::Succeeded => &self.succeeded,
            RunOutcome::PartiallySucceeded => &self.partially_succeeded,
            RunOutcome::Failed => &self.failed,
            RunOutcome::Blocked => &self.blocked,
            RunOutcome::Cancelled => &self.cancelled,
        }
        .fetch_add(1, Ordering::Relaxed);
    }
}
