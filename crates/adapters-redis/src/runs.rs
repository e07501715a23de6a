//! The run repository: one file a verb, each a script on the keys of one workspace.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::{OperationRun, RunId, Submission, Timestamp};
use countersign_ports::{
    Backlog, BacklogQuery, Begun, Cancellation, Cancelled, Candidacy, ContextDetail, Elected,
    Finish, Finished, PortResult, PutOff, QueueEntry, QueueUpkeep, ReadBack, Renewal, Renewed,
    Rescue, Rescued, Retried, Retry, RunCursor, RunFilter, RunKey, RunPage, RunRepository, Start,
    StoreIdentity, Submitted, Undecided, UndecidedPolicy,
};

use crate::store::Shared;

/// Runs in a Redis store.
#[derive(Debug, Clone)]
pub struct RedisRuns {
    shared: Arc<Shared>,
}

impl RedisRuns {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[async_trait]
impl RunRepository for RedisRuns {
    fn store(&self) -> &StoreIdentity {
        self.shared.identity()
    }

    fn queue_upkeep(&self) -> QueueUpkeep {
        // The queue is in another slot than the runs: no script reaches both.
        QueueUpkeep::Caller
    }

    async fn clock(&self) -> PortResult<Timestamp> {
        self.shared.clock("clock").await
    }

    async fn submit(&self, _submissions: &[Submission]) -> PortResult<Vec<Submitted>> {
        Err(crate::error::unreadable("submit", "a run"))
    }

    async fn load(&self, _runs: &[RunKey]) -> PortResult<Vec<Option<OperationRun>>> {
        Err(crate::error::unreadable("load", "a run"))
    }

    async fn find(&self, _runs: &[RunId]) -> PortResult<Vec<Option<OperationRun>>> {
        Err(crate::error::unreadable("find", "a run"))
    }

    async fn list(
        &self,
        _filter: &RunFilter,
        _after: Option<RunCursor>,
        _limit: u32,
        _detail: ContextDetail,
    ) -> PortResult<RunPage> {
        Err(crate::error::unreadable("list", "a run"))
    }

    async fn begin(&self, _starts: &[Start]) -> PortResult<Vec<Begun>> {
        Err(crate::error::unreadable("begin", "a run"))
    }

    async fn read_back(&self, _starts: &[Start]) -> PortResult<Vec<ReadBack>> {
        Err(crate::error::unreadable("read_back", "a run"))
    }

    async fn renew(&self, _renewals: &[Renewal]) -> PortResult<Vec<Renewed>> {
        Err(crate::error::unreadable("renew", "a run"))
    }

    async fn finish(&self, _finishes: &[Finish]) -> PortResult<Vec<Finished>> {
        Err(crate::error::unreadable("finish", "a run"))
    }

    async fn put_off(
        &self,
        _undecided: &[Undecided],
        _policy: &UndecidedPolicy,
    ) -> PortResult<Vec<PutOff>> {
        Err(crate::error::unreadable("put_off", "a run"))
    }

    async fn cancel(&self, _cancellations: &[Cancellation]) -> PortResult<Vec<Cancelled>> {
        Err(crate::error::unreadable("cancel", "a run"))
    }

    async fn retry(&self, _retries: &[Retry]) -> PortResult<Vec<Retried>> {
        Err(crate::error::unreadable("retry", "a run"))
    }

    async fn rescue(&self, _rescue: &Rescue) -> PortResult<Vec<Rescued>> {
        Err(crate::error::unreadable("rescue", "a run"))
    }

    async fn queued_entries(
        &self,
        _after: Option<RunId>,
        _limit: u32,
    ) -> PortResult<Vec<QueueEntry>> {
        Err(crate::error::unreadable("queued_entries", "a run"))
    }

    async fn elect<'a>(&self, _candidacy: &Candidacy<'a>) -> PortResult<Elected> {
        Err(crate::error::unreadable("elect", "a run"))
    }

    async fn step_down(&self, _office: &str, _holder: &str) -> PortResult<()> {
        Err(crate::error::unreadable("step_down", "a run"))
    }

    async fn backlog<'a>(&self, _query: &BacklogQuery<'a>) -> PortResult<Backlog> {
        Err(crate::error::unreadable("backlog", "a run"))
    }
}
