//! Authority that cannot be read before a start (G6).

use std::sync::Arc;
use std::time::Duration;

use countersign::{ConsistencyMode, Ports, Report, WorkerSettings};
use countersign_domain::{FailureCode, RunId, RunOutcome, RunStatus};
use countersign_ports::RunRepository;

use crate::support::{
    AUTHORITY, Embedded, FaultyAuthority, Handle, MovedClock, Working, operation, until_async,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A site whose authority can be made unreadable, on a clock that the test moves.
struct Dim {
    site: Embedded,
    authority: Arc<FaultyAuthority>,
    clock: MovedClock,
}

impl Dim {
    async fn new() -> Self {
        let clock = MovedClock::new();
        let site = Embedded::with_clock(AUTHORITY, clock.for_store()).await;
        let authority = Arc::new(FaultyAuthority::over(site.store.authority()));
        authority.set_unreadable(true);
        let front = Arc::clone(&authority);
        let site = site.behind(|store| {
            let (runs, queue) = (Arc::new(store.runs()), Arc::new(store.queue()));
            Ports::new(runs, front, queue, ConsistencyMode::Fenced).unwrap()
        });
        Self {
            site,
            authority,
            clock,
        }
    }

    /// A worker whose handler does its work; one, ten, at most five minutes between attempts.
    fn work(&self) -> Working {
        let patient = |mut settings: WorkerSettings| {
            settings.undecided.first_wait = MINUTE;
            settings.undecided.longest_wait = 5 * MINUTE;
            settings
        };
        let handler = Handle(|_| async { Report::succeeded() });
        let worker = self.site.worker_with([operation("sync")], patient);
        Working::start(worker.handle("sync".parse().unwrap(), handler))
    }

    /// Waits until so many look-ups have failed, and the consequence of the last is on record: the run's
    /// entry is due later than now.
    async fn is_put_off(&self, id: RunId, times: u64) {
        until_async("its look-up fails", async || {
            (self.authority.look_ups() >= times).then_some(())
        })
        .await;
        let runs = self.site.store.runs();
        until_async("it is put off", async || {
            let entries = runs.queued_entries(None, 100).await.unwrap();
            let entry = entries.into_iter().find(|entry| entry.run.id == id)?;
            (entry.due_at > self.clock.now()).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn an_undecided_run_stays_queued_and_starts_once_authority_can_be_read() {
    let dim = Dim::new().await;
    let id = dim.site.submit("sync").await;
    let since = dim.clock.now();
    let working = dim.work();
    dim.is_put_off(id, 1).await;
    let run = dim.site.run(id).await;
    assert_eq!(
        (run.status, run.outcome),
        (RunStatus::Queued, RunOutcome::Pending)
    );
    assert_eq!((run.undecided_since, run.started_at), (Some(since), None));
    assert_eq!(run.decision, None);

    // The first time is kept.
    dim.clock.advance(2 * MINUTE);
    dim.is_put_off(id, 2).await;
    assert_eq!(dim.site.run(id).await.undecided_since, Some(since));

    dim.authority.set_unreadable(false);
    dim.clock.advance(10 * MINUTE);
    let run = dim.site.completed(id).await;
    working.drain().await;
    assert_eq!(
        (run.outcome, run.undecided_since),
        (RunOutcome::Succeeded, None)
    );
}

#[tokio::test]
async fn a_run_that_stays_undecided_past_the_age_fails_without_a_start_and_without_a_successor() {
    let dim = Dim::new().await;
    let id = dim.site.submit("sync").await;
    let working = dim.work();
    dim.is_put_off(id, 1).await;
    let since = dim.clock.now();
    dim.clock.advance(Duration::from_secs(86_400));
    let run = dim.site.completed(id).await;
    let report = working.drain().await;
    assert_eq!(run.outcome, RunOutcome::Failed);
    assert_eq!(
        run.failure.as_ref().unwrap().code,
        FailureCode::AuthorityUnavailable
    );
    assert_eq!((run.started_at, &run.decision), (None, &None));
    assert_eq!(run.undecided_since, Some(since));
    assert_eq!(dim.site.successor(id).await, None);
    assert_eq!((report.tally.failed, report.tally.started), (1, 0));
}

#[tokio::test]
async fn a_run_that_was_undecided_for_long_is_not_put_off_for_longer_than_the_longest_wait() {
    let dim = Dim::new().await;
    let id = dim.site.submit("sync").await;
    let working = dim.work();
    dim.is_put_off(id, 1).await;
    // After an hour of darkness it is looked at once more, in vain, and then not for five minutes.
    dim.clock.advance(60 * MINUTE);
    dim.is_put_off(id, 2).await;
    dim.authority.set_unreadable(false);
    let witness = dim.site.submit("sync").await;
    dim.site.completed(witness).await;
    dim.clock.advance(5 * MINUTE);
    assert_eq!(dim.site.completed(id).await.outcome, RunOutcome::Succeeded);
    working.drain().await;
}

#[tokio::test]
async fn a_drain_leaves_undecided_runs_and_says_so() {
    let dim = Dim::new().await;
    dim.site.submit("sync").await;
    let handler = Handle(|_| async { Report::succeeded() });
    let worker = dim.site.worker([operation("sync")]);
    let report = crate::support::drained(worker.handle("sync".parse().unwrap(), handler)).await;
    assert_eq!(
        (report.tally.put_off, report.left.later, report.left.due),
        (1, 1, 0)
    );
}
