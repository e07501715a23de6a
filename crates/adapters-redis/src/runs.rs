//! The run repository: one file a verb, each a script on the keys of one workspace.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::{CancelNote, OperationRun, RunId, Submission, Timestamp};
use countersign_ports::{
    Backlog, BacklogQuery, Begun, Cancellation, Cancelled, Candidacy, ContextDetail, Elected,
    Finish, Finished, PortResult, Prune, Pruned, PutOff, QueueEntry, QueueUpkeep, ReadBack,
    Renewal, Renewed, Rescue, Rescued, Retried, Retry, RunCursor, RunFilter, RunKey, RunPage,
    RunRepository, Start, StoreIdentity, Submitted, Undecided, UndecidedPolicy,
};

use crate::script::Call;
use crate::store::Shared;

mod batch;
mod begin;
mod cancel;
mod finish;
mod merged;
mod offices;
mod places;
mod prune;
mod put_off;
mod queued;
mod read;
mod renew;
mod rescue;
mod retry;
mod submit;
mod succeed;
mod texts;

pub(crate) use batch::by_workspace;
pub(crate) use places::claim as claim_places;
pub(crate) use read::{StoredWhole, read_whole, run_key, stored};

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

    async fn submit(&self, submissions: &[Submission]) -> PortResult<Vec<Submitted>> {
        submit::submit(self, submissions).await
    }

    async fn load(&self, runs: &[RunKey]) -> PortResult<Vec<Option<OperationRun>>> {
        read::load(self, runs, "load").await
    }

    async fn find(&self, runs: &[RunId]) -> PortResult<Vec<Option<OperationRun>>> {
        read::find(self, runs).await
    }

    async fn list(
        &self,
        filter: &RunFilter,
        after: Option<RunCursor>,
        limit: u32,
        detail: ContextDetail,
    ) -> PortResult<RunPage> {
        read::list(self, filter, after, limit, detail).await
    }

    async fn begin(&self, starts: &[Start]) -> PortResult<Vec<Begun>> {
        begin::begin(self, starts).await
    }

    async fn read_back(&self, starts: &[Start]) -> PortResult<Vec<ReadBack>> {
        begin::read_back(self, starts).await
    }

    async fn renew(&self, renewals: &[Renewal]) -> PortResult<Vec<Renewed>> {
        renew::renew(self, renewals).await
    }

    async fn finish(&self, finishes: &[Finish]) -> PortResult<Vec<Finished>> {
        finish::finish(self, finishes).await
    }

    async fn put_off(
        &self,
        undecided: &[Undecided],
        policy: &UndecidedPolicy,
    ) -> PortResult<Vec<PutOff>> {
        put_off::put_off(self, undecided, policy).await
    }

    async fn cancel(&self, cancellations: &[Cancellation]) -> PortResult<Vec<Cancelled>> {
        cancel::cancel(self, cancellations).await
    }

    async fn retry(&self, retries: &[Retry]) -> PortResult<Vec<Retried>> {
        retry::retry(self, retries).await
    }

    async fn rescue(&self, rescue: &Rescue) -> PortResult<Vec<Rescued>> {
        rescue::rescue(self, rescue).await
    }

    async fn queued_entries(
        &self,
        after: Option<RunId>,
        limit: u32,
    ) -> PortResult<Vec<QueueEntry>> {
        queued::queued_entries(self, after, limit).await
    }

    async fn elect<'a>(&self, candidacy: &Candidacy<'a>) -> PortResult<Elected> {
        offices::elect(self, candidacy).await
    }

    async fn step_down(&self, office: &str, holder: &str) -> PortResult<()> {
        offices::step_down(self, office, holder).await
    }

    async fn prune(&self, prune: &Prune) -> PortResult<Pruned> {
        prune::prune(self, prune).await
    }

    async fn backlog<'a>(&self, query: &BacklogQuery<'a>) -> PortResult<Backlog> {
        queued::backlog(self, query).await
    }
}

/// A length of time as scripts take it, at most what can be added to a time.
fn micros_of(length: Duration) -> i64 {
    Timestamp::UNIX_EPOCH.plus(length).as_micros()
}

/// Adds who cancels, and why. A reason may be empty and is marked; no note is two empty arguments.
fn push_note(call: &mut Call, note: Option<&CancelNote>) {
    call.push(note.map_or("", |note| note.by.as_str()));
    let reason = note.and_then(|note| note.reason.as_deref());
    call.push(
        reason
            .map(|reason| format!("={reason}"))
            .unwrap_or_default(),
    );
}
