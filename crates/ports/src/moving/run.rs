//! A run as it moves: its record, and what its store knows besides.

use countersign_domain::{LeaseId, OperationRun, RunStatus, Timestamp};

/// A run, with everything that another store needs to go on where this one stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedRun {
    /// The run as it is on record.
    pub run: OperationRun,
    /// Until when it was put off; for queued runs alone.
    pub put_off_until: Option<Timestamp>,
    /// The lease that it ran under and was not rescued from: a completion that is sent again is answered
    /// by it.
    pub lease_id: Option<LeaseId>,
    /// When that lease ends; for running runs alone.
    pub lease_expires_at: Option<Timestamp>,
    /// The limit of attempts that it was started under; for runs that started.
    pub max_attempts: Option<u32>,
}

impl MovedRun {
    /// Leaves out what means nothing in the state that the run is in, so that two stores that differ in
    /// what they clear tell the same.
    #[must_use]
    pub fn of(
        run: OperationRun,
        put_off_until: Option<Timestamp>,
        lease: Option<(LeaseId, Option<Timestamp>)>,
        max_attempts: Option<u32>,
    ) -> Self {
        let (queued, running) = match run.status {
            RunStatus::Queued => (true, false),
            RunStatus::Running => (false, true),
            RunStatus::Completed => (false, false),
        };
        let started = run.started_at.is_some();
        Self {
            put_off_until: put_off_until.filter(|until| queued && *until > Timestamp::UNIX_EPOCH),
            lease_id: lease.map(|(id, _)| id).filter(|_| started),
            lease_expires_at: lease
                .and_then(|(_, expires_at)| expires_at)
                .filter(|_| running),
            max_attempts: max_attempts.filter(|_| started),
            run,
        }
    }
}
