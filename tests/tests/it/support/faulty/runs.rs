//! A run repository that does not renew leases, does not load runs, or does not rescue any.

use std::sync::Mutex;

use async_trait::async_trait;
use countersign_domain::{OperationRun, RunId, Submission, Timestamp};
use countersign_ports::{
    Backlog, BacklogQuery, Begun, Cancellation, Cancelled, Candidacy, ContextDetail, Elected,
    Finish, Finished, PortResult, Prune, Pruned, PutOff, QueueEntry, QueueUpkeep, ReadBack,
    Renewal, Renewed, Rescue, Rescued, Retried, Retry, RunCursor, RunFilter, RunKey, RunPage,
    RunRepository, Start, StoreIdentity, Submitted, Undecided, UndecidedPolicy,
};
use countersign_sqlite::SqliteRuns;

use super::unreachable;

/// What becomes of renewals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewing {
    /// They hold.
    Works,
    /// They fail, and the worker knows.
    Fails,
    /// They never return.
    Hangs,
    /// The worker believes that they hold, and the store never hears of them.
    Pretends,
    /// Those of this workspace fail, with whatever is sent together with them.
    FailsIn(&'static str),
}

/// A repository that does less, in front of one that does everything else. Nobody behind it is elected sweeper, so that its
/// worker rescues nothing; or a sweeper is, whose rescues fail.
pub(crate) struct FaultyRuns {
    inner: SqliteRuns,
    renewing: Renewing,
    fails_to_rescue: bool,
    /// A workspace whose runs cannot be loaded now, nor what is asked together with them.
    away: Mutex<Option<&'static str>>,
}

impl FaultyRuns {
    pub(crate) fn over(inner: SqliteRuns, renewing: Renewing) -> Self {
        Self {
            inner,
            renewing,
            fails_to_rescue: false,
            away: Mutex::new(None),
        }
    }

    pub(crate) fn failing_to_rescue(inner: SqliteRuns) -> Self {
        Self {
            fails_to_rescue: true,
            ..Self::over(inner, Renewing::Works)
        }
    }

    pub(crate) fn set_away(&self, workspace: Option<&'static str>) {
        *self.away.lock().unwrap() = workspace;
    }
}

#[async_trait]
impl RunRepository for FaultyRuns {
    async fn renew(&self, renewals: &[Renewal]) -> PortResult<Vec<Renewed>> {
        match self.renewing {
            Renewing::Works => self.inner.renew(renewals).await,
            Renewing::Fails => Err(unreachable("renew")),
            Renewing::Hangs => std::future::pending().await,
            Renewing::FailsIn(workspace) => {
                let is_away = |renewal: &Renewal| renewal.run.workspace_id.as_str() == workspace;
                match renewals.iter().any(is_away) {
                    true => Err(unreachable("renew")),
                    false => self.inner.renew(renewals).await,
                }
            }
            Renewing::Pretends => Ok(renewals
                .iter()
                .map(|_| Renewed::Held { cancel: None })
                .collect()),
        }
    }

    async fn elect<'a>(&self, candidacy: &Candidacy<'a>) -> PortResult<Elected> {
        match self.fails_to_rescue {
            true => self.inner.elect(candidacy).await,
            false => Ok(Elected::Another),
        }
    }

    fn store(&self) -> &StoreIdentity {
        self.inner.store()
    }

    fn queue_upkeep(&self) -> QueueUpkeep {
        self.inner.queue_upkeep()
    }

    async fn clock(&self) -> PortResult<Timestamp> {
        self.inner.clock().await
    }

    async fn submit(&self, submissions: &[Submission]) -> PortResult<Vec<Submitted>> {
        self.inner.submit(submissions).await
    }

    async fn load(&self, runs: &[RunKey]) -> PortResult<Vec<Option<OperationRun>>> {
        let away = *self.away.lock().unwrap();
        let is_away = |key: &RunKey| Some(key.workspace_id.as_str()) == away;
        match runs.iter().any(is_away) {
            true => Err(unreachable("load")),
            false => self.inner.load(runs).await,
        }
    }

    async fn find(&self, runs: &[RunId]) -> PortResult<Vec<Option<OperationRun>>> {
        self.inner.find(runs).await
    }

    async fn list(
        &self,
        filter: &RunFilter,
        after: Option<RunCursor>,
        limit: u32,
        detail: ContextDetail,
    ) -> PortResult<RunPage> {
        self.inner.list(filter, after, limit, detail).await
    }

    async fn begin(&self, starts: &[Start]) -> PortResult<Vec<Begun>> {
        self.inner.begin(starts).await
    }

    async fn read_back(&self, starts: &[Start]) -> PortResult<Vec<ReadBack>> {
        self.inner.read_back(starts).await
    }

    async fn finish(&self, finishes: &[Finish]) -> PortResult<Vec<Finished>> {
        self.inner.finish(finishes).await
    }

    async fn put_off(
        &self,
        undecided: &[Undecided],
        policy: &UndecidedPolicy,
    ) -> PortResult<Vec<PutOff>> {
        self.inner.put_off(undecided, policy).await
    }

    async fn cancel(&self, cancellations: &[Cancellation]) -> PortResult<Vec<Cancelled>> {
        self.inner.cancel(cancellations).await
    }

    async fn retry(&self, retries: &[Retry]) -> PortResult<Vec<Retried>> {
        self.inner.retry(retries).await
    }

    async fn rescue(&self, rescue: &Rescue) -> PortResult<Vec<Rescued>> {
        match self.fails_to_rescue {
            true => Err(unreachable("rescue")),
            false => self.inner.rescue(rescue).await,
        }
    }

    async fn queued_entries(
        &self,
        after: Option<RunId>,
        limit: u32,
    ) -> PortResult<Vec<QueueEntry>> {
        self.inner.queued_entries(after, limit).await
    }

    async fn step_down(&self, office: &str, holder: &str) -> PortResult<()> {
        self.inner.step_down(office, holder).await
    }

    async fn prune(&self, prune: &Prune) -> PortResult<Pruned> {
        self.inner.prune(prune).await
    }

    async fn backlog<'a>(&self, query: &BacklogQuery<'a>) -> PortResult<Backlog> {
        self.inner.backlog(query).await
    }
}
