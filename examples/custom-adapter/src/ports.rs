//! The three ports: take the lock, do it, let go.

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

use super::Memory;
use super::line::Line;
use super::state::State;

#[async_trait]
impl AuthorityLookup for Memory {
    fn store(&self) -> &StoreIdentity {
        &self.identity
    }

    async fn look_up(&self, queries: &[AuthorityQuery]) -> PortResult<Vec<LookedUp>> {
        let mut state = self.lock();
        Ok(queries.iter().map(|query| state.look_up(query)).collect())
    }
}

#[async_trait]
impl AuthorityStore for Memory {
    async fn apply(&self, changes: &[AttributedChange]) -> PortResult<Applied> {
        Ok(self.lock().apply(changes))
    }

    async fn show(&self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>> {
        Ok(self.lock().show(query))
    }

    async fn roles(&self, roles: &[RoleName]) -> PortResult<Vec<Option<RoleRow>>> {
        Ok(self.lock().roles(roles))
    }

    async fn log(&self, query: &LogQuery) -> PortResult<Vec<LogEntry>> {
        Ok(self.lock().log(query))
    }
}

#[async_trait]
impl RunRepository for Memory {
    fn store(&self) -> &StoreIdentity {
        &self.identity
    }

    fn queue_upkeep(&self) -> QueueUpkeep {
        match self.lock().line {
            Some(_) => QueueUpkeep::InCommit,
            None => QueueUpkeep::Caller,
        }
    }

    async fn clock(&self) -> PortResult<Timestamp> {
        Ok(self.lock().now())
    }

    async fn submit(&self, submissions: &[Submission]) -> PortResult<Vec<Submitted>> {
        let answers = {
            let mut state = self.lock();
            let now = state.now();
            let answers = submissions.iter().map(|one| state.submit(one, now));
            answers.collect()
        };
        self.arrivals.notify_waiters();
        Ok(answers)
    }

    async fn load(&self, runs: &[RunKey]) -> PortResult<Vec<Option<OperationRun>>> {
        let mut state = self.lock();
        Ok(runs.iter().map(|key| state.load(key)).collect())
    }

    async fn find(&self, runs: &[RunId]) -> PortResult<Vec<Option<OperationRun>>> {
        let state = self.lock();
        Ok(runs.iter().map(|&run| state.find(run)).collect())
    }

    async fn list(
        &self,
        filter: &RunFilter,
        after: Option<RunCursor>,
        limit: u32,
        detail: ContextDetail,
    ) -> PortResult<RunPage> {
        Ok(self.lock().list(filter, after, limit, detail))
    }

    async fn begin(&self, starts: &[Start]) -> PortResult<Vec<Begun>> {
        let begun: Vec<_> = {
            let mut state = self.lock();
            starts.iter().map(|start| state.begin(start)).collect()
        };
        // The lock is let go, all of it has committed, and nothing is awaited any more: now, and not
        // before, may permits be made.
        let answers = starts.iter().zip(begun);
        Ok(answers.map(|(start, begun)| answer(start, begun)).collect())
    }

    async fn read_back(&self, starts: &[Start]) -> PortResult<Vec<ReadBack>> {
        let mut state = self.lock();
        Ok(starts.iter().map(|start| state.read_back(start)).collect())
    }

    async fn renew(&self, renewals: &[Renewal]) -> PortResult<Vec<Renewed>> {
        let mut state = self.lock();
        Ok(renewals.iter().map(|one| state.renew(one)).collect())
    }

    async fn finish(&self, finishes: &[Finish]) -> PortResult<Vec<Finished>> {
        let answers = {
            let mut state = self.lock();
            finishes.iter().map(|one| state.finish(one)).collect()
        };
        self.arrivals.notify_waiters();
        Ok(answers)
    }

    async fn put_off(
        &self,
        undecided: &[Undecided],
        policy: &UndecidedPolicy,
    ) -> PortResult<Vec<PutOff>> {
        let mut state = self.lock();
        let answers = undecided.iter().map(|one| state.put_off(one, policy));
        Ok(answers.collect())
    }

    async fn cancel(&self, cancellations: &[Cancellation]) -> PortResult<Vec<Cancelled>> {
        let mut state = self.lock();
        Ok(cancellations.iter().map(|one| state.cancel(one)).collect())
    }

    async fn retry(&self, retries: &[Retry]) -> PortResult<Vec<Retried>> {
        let answers = {
            let mut state = self.lock();
            retries.iter().map(|one| state.retry(one)).collect()
        };
        self.arrivals.notify_waiters();
        Ok(answers)
    }

    async fn rescue(&self, rescue: &Rescue) -> PortResult<Vec<Rescued>> {
        let rescued = self.lock().rescue(rescue);
        self.arrivals.notify_waiters();
        Ok(rescued)
    }

    async fn queued_entries(
        &self,
        after: Option<RunId>,
        limit: u32,
    ) -> PortResult<Vec<QueueEntry>> {
        Ok(self.lock().queued_entries(after, limit))
    }

    async fn elect<'a>(&self, candidacy: &Candidacy<'a>) -> PortResult<Elected> {
        Ok(self.lock().elect(candidacy))
    }

    async fn step_down(&self, office: &str, holder: &str) -> PortResult<()> {
        self.lock().step_down(office, holder);
        Ok(())
    }

    async fn prune(&self, prune: &Prune) -> PortResult<Pruned> {
        Ok(self.lock().prune(prune))
    }

    async fn backlog<'a>(&self, query: &BacklogQuery<'a>) -> PortResult<Backlog> {
        Ok(self.lock().backlog(query))
    }
}

/// What a start that has committed is answered with, or one that has not.
pub(crate) fn answer(start: &Start, begun: Result<Timestamp, Begun>) -> Begun {
    match begun {
        Ok(at) => start.committed(at),
        Err(other) => other,
    }
}

/// The queue of a store that keeps one.
fn line<'a>(state: &'a mut State, operation: &'static str) -> PortResult<&'a mut Line> {
    let line = state.line.as_mut();
    line.ok_or_else(|| PortError::new(PortErrorKind::Refused, operation, "no queue is kept here"))
}

#[async_trait]
impl RunQueue for Memory {
    fn store(&self) -> &StoreIdentity {
        &self.identity
    }

    async fn push(&self, entries: &[QueueEntry]) -> PortResult<Vec<Push>> {
        let pushed = {
            let mut state = self.lock();
            let line = line(&mut state, "push")?;
            entries.iter().map(|entry| line.push(entry)).collect()
        };
        self.arrivals.notify_waiters();
        Ok(pushed)
    }

    async fn receive<'a>(&self, receive: &Receive<'a>) -> PortResult<Vec<Delivery>> {
        let mut state = self.lock();
        let now = state.now();
        Ok(line(&mut state, "receive")?.receive(receive, now))
    }

    async fn ack(&self, deliveries: &[Delivery]) -> PortResult<Vec<Acked>> {
        let mut state = self.lock();
        let line = line(&mut state, "ack")?;
        Ok(deliveries.iter().map(|one| line.ack(one)).collect())
    }

    async fn put_off(&self, deliveries: &[Delivery], wait: Duration) -> PortResult<Vec<Acked>> {
        let mut state = self.lock();
        let now = state.now();
        let line = line(&mut state, "put_off")?;
        let answers = deliveries.iter().map(|one| line.put_off(one, wait, now));
        Ok(answers.collect())
    }

    async fn wait(&self, at_most: Duration) {
        // Either ends it: an arrival or the time.
        let _hint = tokio::time::timeout(at_most, self.arrivals.notified()).await;
    }
}
