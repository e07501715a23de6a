//! Ports that count their calls, and fail one of them.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::{
    AttributedChange, AuthorityChange, AuthorityQuery, OperationRun, RoleName, RoleRow, RunId,
    Submission, Timestamp,
};
use countersign_ports::{
    Acked, Applied, AuthorityLookup, AuthorityStore, Backlog, BacklogQuery, Begun, Cancellation,
    Cancelled, Candidacy, ContextDetail, Delivery, Elected, Finish, Finished, LogEntry, LogQuery,
    LookedUp, PortError, PortErrorKind, PortResult, Prune, Pruned, Push, PutOff, QueueEntry,
    QueueUpkeep, ReadBack, Receive, Renewal, Renewed, Rescue, Rescued, Retried, Retry, RunCursor,
    RunFilter, RunKey, RunPage, RunQueue, RunRepository, ShowQuery, Start, StoreIdentity,
    Submitted, Undecided, UndecidedPolicy,
};

/// What is wrong with the one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does nothing, and says so.
    Refused,
    /// It does what it was asked, and nobody hears of it.
    Unheard,
    /// It comes late.
    Late,
    /// It is begun, and dropped where it first waits.
    Dropped,
}

/// Counts the calls of all ports of a process.
#[derive(Clone)]
pub(super) struct Calls {
    made: Arc<AtomicUsize>,
    fails: usize,
    fault: Fault,
}

impl Calls {
    /// The call of this number, from zero, is the one.
    pub(super) fn failing(fails: usize, fault: Fault) -> Self {
        Self {
            made: Arc::default(),
            fails,
            fault,
        }
    }

    /// Whether it was made.
    pub(super) fn have_failed(&self) -> bool {
        self.made.load(Ordering::SeqCst) > self.fails
    }

    /// Makes a call, or fails it.
    pub(super) async fn make<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = PortResult<T>> + Send,
    ) -> PortResult<T> {
        if self.made.fetch_add(1, Ordering::SeqCst) != self.fails {
            return call.await;
        }
        let failed = |kind| Err(PortError::new(kind, operation, "this call was to fail"));
        match self.fault {
            Fault::Refused => failed(PortErrorKind::Unavailable),
            Fault::Unheard => {
                // However it ends, whoever called does not know.
                let _unheard = call.await;
                failed(PortErrorKind::CommitUnknown)
            }
            Fault::Late => {
                tokio::time::sleep(Duration::from_millis(120)).await;
                call.await
            }
            Fault::Dropped => {
                {
                    let mut call = pin!(call);
                    let once = poll_fn(|context| match call.as_mut().poll(context) {
                        Poll::Ready(_) | Poll::Pending => Poll::Ready(()),
                    });
                    once.await;
                }
                failed(PortErrorKind::CommitUnknown)
            }
        }
    }

    /// The same port, counted.
    pub(super) fn of<P: ?Sized>(&self, inner: Arc<P>) -> Arc<Counted<P>> {
        Arc::new(Counted {
            inner,
            calls: self.clone(),
        })
    }
}

/// A port whose calls are counted.
pub(super) struct Counted<P: ?Sized> {
    pub(super) calls: Calls,
    pub(super) inner: Arc<P>,
}

impl<P: ?Sized> fmt::Debug for Counted<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").finish_non_exhaustive()
    }
}

#[async_trait]
impl RunRepository for Counted<dyn RunRepository> {
    fn store(&self) -> &StoreIdentity {
        self.inner.store()
    }

    fn queue_upkeep(&self) -> QueueUpkeep {
        self.inner.queue_upkeep()
    }

    async fn clock(&self) -> PortResult<Timestamp> {
        let call = self.inner.clock();
        self.calls.make("clock", call).await
    }

    async fn submit(&self, submissions: &[Submission]) -> PortResult<Vec<Submitted>> {
        let call = self.inner.submit(submissions);
        self.calls.make("submit", call).await
    }

    async fn load(&self, runs: &[RunKey]) -> PortResult<Vec<Option<OperationRun>>> {
        let call = self.inner.load(runs);
        self.calls.make("load", call).await
    }

    async fn find(&self, runs: &[RunId]) -> PortResult<Vec<Option<OperationRun>>> {
        let call = self.inner.find(runs);
        self.calls.make("find", call).await
    }

    async fn list(
        &self,
        filter: &RunFilter,
        after: Option<RunCursor>,
        limit: u32,
        detail: ContextDetail,
    ) -> PortResult<RunPage> {
        let call = self.inner.list(filter, after, limit, detail);
        self.calls.make("list", call).await
    }

    async fn begin(&self, starts: &[Start]) -> PortResult<Vec<Begun>> {
        let call = self.inner.begin(starts);
        self.calls.make("begin", call).await
    }

    async fn read_back(&self, starts: &[Start]) -> PortResult<Vec<ReadBack>> {
        let call = self.inner.read_back(starts);
        self.calls.make("read_back", call).await
    }

    async fn renew(&self, renewals: &[Renewal]) -> PortResult<Vec<Renewed>> {
        let call = self.inner.renew(renewals);
        self.calls.make("renew", call).await
    }

    async fn finish(&self, finishes: &[Finish]) -> PortResult<Vec<Finished>> {
        let call = self.inner.finish(finishes);
        self.calls.make("finish", call).await
    }

    async fn put_off(
        &self,
        undecided: &[Undecided],
        policy: &UndecidedPolicy,
    ) -> PortResult<Vec<PutOff>> {
        let call = self.inner.put_off(undecided, policy);
        self.calls.make("put_off", call).await
    }

    async fn cancel(&self, cancellations: &[Cancellation]) -> PortResult<Vec<Cancelled>> {
        let call = self.inner.cancel(cancellations);
        self.calls.make("cancel", call).await
    }

    async fn retry(&self, retries: &[Retry]) -> PortResult<Vec<Retried>> {
        let call = self.inner.retry(retries);
        self.calls.make("retry", call).await
    }

    async fn rescue(&self, rescue: &Rescue) -> PortResult<Vec<Rescued>> {
        let call = self.inner.rescue(rescue);
        self.calls.make("rescue", call).await
    }

    async fn queued_entries(
        &self,
        after: Option<RunId>,
        limit: u32,
    ) -> PortResult<Vec<QueueEntry>> {
        let call = self.inner.queued_entries(after, limit);
        self.calls.make("queued_entries", call).await
    }

    async fn elect<'a>(&self, candidacy: &Candidacy<'a>) -> PortResult<Elected> {
        let call = self.inner.elect(candidacy);
        self.calls.make("elect", call).await
    }

    async fn step_down(&self, office: &str, holder: &str) -> PortResult<()> {
        let call = self.inner.step_down(office, holder);
        self.calls.make("step_down", call).await
    }

    async fn prune(&self, prune: &Prune) -> PortResult<Pruned> {
        let call = self.inner.prune(prune);
        self.calls.make("prune", call).await
    }

    async fn backlog<'a>(&self, query: &BacklogQuery<'a>) -> PortResult<Backlog> {
        let call = self.inner.backlog(query);
        self.calls.make("backlog", call).await
    }
}

#[async_trait]
impl AuthorityLookup for Counted<dyn AuthorityStore> {
    fn store(&self) -> &StoreIdentity {
        self.inner.store()
    }

    async fn look_up(&self, queries: &[AuthorityQuery]) -> PortResult<Vec<LookedUp>> {
        let call = self.inner.look_up(queries);
        self.calls.make("look_up", call).await
    }
}

#[async_trait]
impl AuthorityStore for Counted<dyn AuthorityStore> {
    async fn apply(&self, changes: &[AttributedChange]) -> PortResult<Applied> {
        let call = self.inner.apply(changes);
        self.calls.make("apply", call).await
    }

    async fn show(&self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>> {
        let call = self.inner.show(query);
        self.calls.make("show", call).await
    }

    async fn roles(&self, roles: &[RoleName]) -> PortResult<Vec<Option<RoleRow>>> {
        let call = self.inner.roles(roles);
        self.calls.make("roles", call).await
    }

    async fn log(&self, query: &LogQuery) -> PortResult<Vec<LogEntry>> {
        let call = self.inner.log(query);
        self.calls.make("log", call).await
    }
}

#[async_trait]
impl RunQueue for Counted<dyn RunQueue> {
    fn store(&self) -> &StoreIdentity {
        self.inner.store()
    }

    async fn wait(&self, at_most: Duration) {
        // A hint, which may come at any time and fails at none.
        self.inner.wait(at_most).await;
    }

    async fn push(&self, entries: &[QueueEntry]) -> PortResult<Vec<Push>> {
        let call = self.inner.push(entries);
        self.calls.make("push", call).await
    }

    async fn receive<'a>(&self, receive: &Receive<'a>) -> PortResult<Vec<Delivery>> {
        let call = self.inner.receive(receive);
        self.calls.make("receive", call).await
    }

    async fn ack(&self, deliveries: &[Delivery]) -> PortResult<Vec<Acked>> {
        let call = self.inner.ack(deliveries);
        self.calls.make("ack", call).await
    }

    async fn put_off(&self, deliveries: &[Delivery], wait: Duration) -> PortResult<Vec<Acked>> {
        let call = self.inner.put_off(deliveries, wait);
        self.calls.make("put_off", call).await
    }
}
