//! Queues that lose, repeat and reorder, and queues that live elsewhere (G5).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::{ConsistencyMode, Execution, Ports, Report, Stop, Until, Worker};
use countersign_domain::{QueueName, RunId, RunOutcome, RunStatus};
use countersign_ports::{
    Acked, Delivery, PortResult, Push, QueueEntry, Receive, RunQueue, StoreIdentity,
};
use countersign_sqlite::{SqliteQueue, SqliteStore};

use crate::support::{
    AUTHORITY, Embedded, FaultyQueue, FaultyRuns, Handle, Losing, Renewing, Working,
    authority_elsewhere, drained, operation, until_async,
};

/// How often the handler of each run was entered.
type Entered = Arc<Mutex<HashMap<RunId, u32>>>;

/// Ports that keep the queue in a second store, behind a faulty front.
fn with_queue(queue: Arc<dyn RunQueue>) -> impl FnOnce(&SqliteStore) -> Ports {
    move |store| {
        let runs = Arc::new(store.runs_apart_from_queue());
        Ports::new(
            runs,
            Arc::new(store.authority()),
            queue,
            ConsistencyMode::Fenced,
        )
        .unwrap()
    }
}

fn counting(site: &Embedded) -> (Worker, Entered) {
    let entered = Entered::default();
    let counts = Arc::clone(&entered);
    let handler = Handle(move |execution: Execution| {
        *counts
            .lock()
            .unwrap()
            .entry(execution.run_id())
            .or_default() += 1;
        async { Report::succeeded() }
    });
    let worker = site.worker([operation("sync")]);
    (worker.handle("sync".parse().unwrap(), handler), entered)
}

async fn assert_each_done_once(site: &Embedded, ids: &[RunId], entered: &Entered) {
    for id in ids {
        assert_eq!(site.run(*id).await.outcome, RunOutcome::Succeeded);
    }
    let entered = entered.lock().unwrap();
    assert_eq!(entered.len(), ids.len());
    assert!(entered.values().all(|times| *times == 1), "{entered:?}");
}

async fn a_queue_that_loses_things_delays_and_loses_no_run(losing: Losing, until: Until) {
    const RUNS: usize = 20;
    let site = Embedded::new(AUTHORITY).await;
    let elsewhere = site.another_store("queue.db").await;
    let queue = Arc::new(FaultyQueue::losing(elsewhere.queue(), losing));
    let site = site.behind(with_queue(queue.clone()));
    let mut ids = Vec::new();
    for _ in 0..RUNS {
        ids.push(site.submit("sync").await);
    }
    // As every submitter does; what is lost here is the sweeper's to restore.
    let entries = site.ports.runs().queued_entries(None, 1000).await.unwrap();
    site.ports.queue().push(&entries).await.unwrap();
    let (worker, entered) = counting(&site);
    match until {
        Until::Drained => {
            let report = drained(worker).await;
            assert_eq!(report.left.due, 0);
        }
        Until::Stopped => {
            let working = Working::start(worker);
            for id in &ids {
                site.completed(*id).await;
            }
            working.drain().await;
        }
    }
    assert_eq!(queue.lost(), 15, "nothing was shown");
    assert_each_done_once(&site, &ids, &entered).await;
}

/// As in a cluster one of whose nodes is away. Nobody sweeps here: an entry that was taken for spent would be gone.
#[tokio::test]
async fn runs_that_cannot_be_loaded_keep_their_entries_and_hold_up_no_others() {
    let site = Embedded::new(AUTHORITY).await;
    site.apply(&authority_elsewhere()).await;
    let runs = Arc::new(FaultyRuns::over(site.store.runs(), Renewing::Works));
    let front = Arc::clone(&runs);
    let site = site.behind(|store| {
        let (authority, queue) = (Arc::new(store.authority()), Arc::new(store.queue()));
        Ports::new(front, authority, queue, ConsistencyMode::Fenced).unwrap()
    });
    let there = site.submit("sync").await;
    let line = r#"{"workspace":"2","tenant":"5","user":"7","type":"sync"}"#;
    let away = site.submit_line(line).await;
    runs.set_away(Some("2"));
    let (worker, entered) = counting(&site);
    let working = Working::start(worker);
    site.completed(there).await;
    assert_eq!(site.run(away).await.status, RunStatus::Queued);
    runs.set_away(None);
    site.completed(away).await;
    working.drain().await;
    assert_each_done_once(&site, &[there, away], &entered).await;
}

#[tokio::test]
async fn entries_that_were_lost_on_their_way_into_the_queue_are_restored_by_the_sweeper() {
    a_queue_that_loses_things_delays_and_loses_no_run(Losing::Pushes(15), Until::Stopped).await;
}

#[tokio::test]
async fn entries_that_were_lost_on_their_way_out_of_the_queue_are_restored_by_the_sweeper() {
    a_queue_that_loses_things_delays_and_loses_no_run(Losing::Deliveries(15), Until::Stopped).await;
}

#[tokio::test]
async fn runs_that_cannot_be_rescued_keep_no_lost_entry_from_being_restored() {
    let site = Embedded::new(AUTHORITY).await;
    let elsewhere = site.another_store("queue.db").await;
    let runs = FaultyRuns::failing_to_rescue(site.store.runs_apart_from_queue());
    let site = site.behind(|store| {
        let (authority, queue) = (Arc::new(store.authority()), Arc::new(elsewhere.queue()));
        Ports::new(Arc::new(runs), authority, queue, ConsistencyMode::Fenced).unwrap()
    });
    // Whoever submitted it was lost before it could push the entry.
    let id = site.submit("sync").await;
    let (worker, entered) = counting(&site);
    let working = Working::start(worker);
    site.completed(id).await;
    working.drain().await;
    assert_each_done_once(&site, &[id], &entered).await;
}

#[tokio::test]
async fn a_drain_does_not_end_before_lost_entries_are_restored_and_their_runs_done() {
    a_queue_that_loses_things_delays_and_loses_no_run(Losing::Deliveries(15), Until::Drained).await;
}

#[tokio::test]
async fn a_queue_that_repeats_and_reorders_starts_each_run_once() {
    let site = Embedded::new(AUTHORITY).await;
    let elsewhere = site.another_store("queue.db").await;
    let site = site.behind(with_queue(Arc::new(FaultyQueue::repeating(
        elsewhere.queue(),
    ))));
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(site.submit("sync").await);
    }
    let (worker, entered) = counting(&site);
    drained(worker).await;
    assert_each_done_once(&site, &ids, &entered).await;
}

#[tokio::test]
async fn a_queue_may_live_in_another_store() {
    let site = Embedded::new(AUTHORITY).await;
    let elsewhere = site.another_store("queue.db").await;
    let site = site.behind(with_queue(Arc::new(elsewhere.queue())));
    let id = site.submit("sync").await;
    let entries = site.ports.runs().queued_entries(None, 10).await.unwrap();
    site.ports.queue().push(&entries).await.unwrap();
    let failing_once = Handle(|execution: Execution| async move {
        match execution.run().attempt {
            1 => Report::failed("not yet"),
            _ => Report::succeeded(),
        }
    });
    let worker = site
        .worker([operation("sync")])
        .handle("sync".parse().unwrap(), failing_once);
    let working = Working::start(worker);
    // A successor reaches that queue as well.
    site.when_chain_ended(id).await;
    until_async("its entries are gone", async || {
        let everything = countersign_ports::Receive {
            queue_name: &countersign_domain::QueueName::standard(),
            operations: &["sync".parse().unwrap()],
            limit: 10,
            invisible_for: std::time::Duration::from_millis(1),
        };
        elsewhere
            .queue()
            .receive(&everything)
            .await
            .unwrap()
            .is_empty()
            .then_some(())
    })
    .await;
    working.drain().await;
    let outcomes: Vec<RunOutcome> = site.chain(id).await.iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [RunOutcome::Failed, RunOutcome::Succeeded]);
}

/// Tells the worker to drain while it receives.
struct ToldMeanwhile {
    inner: SqliteQueue,
    stop: Stop,
}

#[async_trait::async_trait]
impl RunQueue for ToldMeanwhile {
    fn store(&self) -> &StoreIdentity {
        self.inner.store()
    }
    async fn push(&self, entries: &[QueueEntry]) -> PortResult<Vec<Push>> {
        self.inner.push(entries).await
    }
    async fn receive<'a>(&self, receive: &Receive<'a>) -> PortResult<Vec<Delivery>> {
        let deliveries = self.inner.receive(receive).await;
        self.stop.drain();
        deliveries
    }
    async fn ack(&self, deliveries: &[Delivery]) -> PortResult<Vec<Acked>> {
        self.inner.ack(deliveries).await
    }
    async fn put_off(&self, deliveries: &[Delivery], wait: Duration) -> PortResult<Vec<Acked>> {
        self.inner.put_off(deliveries, wait).await
    }
    async fn wait(&self, at_most: Duration) {
        self.inner.wait(at_most).await;
    }
}

#[tokio::test]
async fn what_is_received_while_a_drain_is_told_is_given_back_at_once() {
    let stop = Stop::new();
    let site = Embedded::new(AUTHORITY).await;
    let inner = site.store.queue();
    let told = ToldMeanwhile {
        inner: site.store.queue(),
        stop: stop.clone(),
    };
    let site = site.behind(|store| {
        let (runs, authority) = (Arc::new(store.runs()), Arc::new(store.authority()));
        Ports::new(runs, authority, Arc::new(told), ConsistencyMode::Fenced).unwrap()
    });
    let id = site.submit("sync").await;
    let (worker, entered) = counting(&site);
    let report = worker.run(Until::Stopped, stop).await.unwrap();
    assert_eq!((report.tally.started, report.left.due), (0, 1));
    assert!(entered.lock().unwrap().is_empty());
    let next = inner
        .receive(&Receive {
            queue_name: &QueueName::standard(),
            operations: &["sync".parse().unwrap()],
            limit: 10,
            invisible_for: Duration::from_secs(1),
        })
        .await
        .unwrap();
    let next: Vec<RunId> = next.iter().map(Delivery::run_id).collect();
    assert_eq!(next, [id], "others need not wait for its lease");
}
