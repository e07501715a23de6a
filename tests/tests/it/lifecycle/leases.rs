//! Leases: renewed while a handler runs, lost when its worker is, and then taken over (G3, G5).

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use countersign::{
    ConsistencyMode, Execution, Gate, GateTerms, Passage, Ports, Report, WorkerSettings,
};
use countersign_domain::{Catalog, FailureCode, Operation, RunId, RunOutcome, RunStatus};
use countersign_ports::{Permit, UndecidedPolicy};
use countersign_sqlite::SqliteStore;
use tokio::sync::Notify;

use crate::support::{
    AUTHORITY, Embedded, FaultyAuthority, FaultyRuns, Handle, Renewing, Working,
    authority_elsewhere, operation, until_async,
};

fn lease_of(lease_for: Duration) -> impl FnOnce(WorkerSettings) -> WorkerSettings {
    move |settings| WorkerSettings {
        lease_for,
        ..settings
    }
}

/// Ports whose runs are not renewed.
fn not_renewing(renewing: Renewing) -> impl FnOnce(&SqliteStore) -> Ports {
    move |store| {
        let runs = Arc::new(FaultyRuns::over(store.runs(), renewing));
        let (authority, queue) = (Arc::new(store.authority()), Arc::new(store.queue()));
        Ports::new(runs, authority, queue, ConsistencyMode::Fenced).unwrap()
    }
}

async fn a_handler_is_stopped_before_its_lease_lapses(renewing: Renewing) {
    let site = Embedded::new(AUTHORITY)
        .await
        .behind(not_renewing(renewing));
    let id = site.submit("sync").await;
    let stopped: Arc<Mutex<Option<(Instant, Instant)>>> = Arc::default();
    let seen = Arc::clone(&stopped);
    let handler = Handle(move |execution: Execution| {
        let seen = Arc::clone(&seen);
        async move {
            execution.cancellation().cancelled().await;
            *seen.lock().unwrap() = Some((Instant::now(), execution.entry().deadline()));
            Report::failed("interrupted")
        }
    });
    let mut sync = operation("sync");
    sync.retry.max_attempts = 1;
    let working = Working::start(
        site.worker_with([sync], lease_of(Duration::from_secs(3)))
            .handle("sync".parse().unwrap(), handler),
    );
    let run = site.completed(id).await;
    working.drain().await;
    assert_eq!(run.failure.unwrap().code, FailureCode::WorkerLost);
    let (stopped_at, deadline) = stopped.lock().unwrap().expect("it was told to stop");
    // Not at the last moment either: a tenth of the lease is left for it to stop in.
    let left = deadline.saturating_duration_since(stopped_at);
    assert!(left >= Duration::from_millis(300), "only {left:?} left");
}

#[tokio::test]
async fn a_worker_whose_renewals_fail_stops_its_handler_before_the_lease_lapses() {
    a_handler_is_stopped_before_its_lease_lapses(Renewing::Fails).await;
}

#[tokio::test]
async fn a_worker_whose_renewals_hang_stops_its_handler_before_the_lease_lapses() {
    a_handler_is_stopped_before_its_lease_lapses(Renewing::Hangs).await;
}

/// As in a cluster one of whose nodes is away.
#[tokio::test]
async fn a_workspace_whose_leases_cannot_be_renewed_keeps_no_other_from_its_own() {
    let site = Embedded::new(AUTHORITY).await;
    site.apply(&authority_elsewhere()).await;
    let site = site.behind(not_renewing(Renewing::FailsIn("2")));
    let goes_on = site.submit("sync").await;
    let line = r#"{"workspace":"2","tenant":"5","user":"7","type":"sync"}"#;
    let stops = site.submit_line(line).await;
    let may_end = Arc::new(Notify::new());
    let told = Arc::clone(&may_end);
    let handler = Handle(move |execution: Execution| {
        let told = Arc::clone(&told);
        async move {
            tokio::select! {
                () = execution.cancellation().cancelled() => Report::failed("interrupted"),
                () = told.notified() => Report::succeeded(),
            }
        }
    });
    let mut sync = operation("sync");
    sync.retry.max_attempts = 1;
    let working = Working::start(
        site.worker_with([sync], lease_of(Duration::from_millis(1500)))
            .handle("sync".parse().unwrap(), handler),
    );
    // Started together: where the one was stopped, the other was renewed.
    let stopped = site.completed(stops).await;
    assert_eq!(stopped.failure.unwrap().code, FailureCode::WorkerLost);
    may_end.notify_one();
    let run = site.completed(goes_on).await;
    working.drain().await;
    assert_eq!(run.outcome, RunOutcome::Succeeded);
}

#[tokio::test]
async fn a_lease_is_renewed_for_as_long_as_its_handler_runs() {
    let site = Embedded::new(AUTHORITY).await;
    let authority = Arc::new(FaultyAuthority::over(site.store.authority()));
    let front = Arc::clone(&authority);
    let sweeper = Working::start(site.worker([]));
    let site = site.behind(|store| {
        let (runs, queue) = (Arc::new(store.runs()), Arc::new(store.queue()));
        Ports::new(runs, front, queue, ConsistencyMode::Fenced).unwrap()
    });
    let id = site.submit("sync").await;
    let may_end = Arc::new(Notify::new());
    let told = Arc::clone(&may_end);
    let handler = Handle(move |execution: Execution| {
        let told = Arc::clone(&told);
        async move {
            tokio::select! {
                () = execution.cancellation().cancelled() => Report::failed("interrupted"),
                () = told.notified() => Report::succeeded(),
            }
        }
    });
    let working = Working::start(
        site.worker_with([operation("sync")], lease_of(Duration::from_millis(900)))
            .handle("sync".parse().unwrap(), handler),
    );
    // One look-up to start, one in each renewal: ten of those are more than three leases.
    until_async("ten renewals", async || {
        (authority.look_ups() > 10).then_some(())
    })
    .await;
    may_end.notify_one();
    let run = site.completed(id).await;
    working.drain().await;
    sweeper.drain().await;
    assert_eq!((run.outcome, run.attempt), (RunOutcome::Succeeded, 1));
}

/// Starts a run as a worker does that dies at that moment.
async fn start_and_die(site: &Embedded, id: RunId, operation: Operation) -> Permit {
    let gate = Gate::new(
        site.ports.clone(),
        Arc::new(Catalog::new([operation])),
        GateTerms {
            worker: "dead".parse().unwrap(),
            lease_for: Duration::from_millis(50),
            undecided: UndecidedPolicy::default(),
        },
    );
    match gate.pass(&[site.run(id).await]).await.remove(0) {
        Passage::Started(permit) => permit,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_run_of_a_dead_worker_is_rescued_by_another_and_a_successor_does_the_work() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let permit = start_and_die(&site, id, operation("sync")).await;
    let working = Working::start(site.worker([operation("sync")]).handle(
        "sync".parse().unwrap(),
        Handle(|_| async { Report::succeeded() }),
    ));
    site.when_chain_ended(id).await;
    let report = working.drain().await;
    let chain = site.chain(id).await;
    let [lost, next] = &chain[..] else {
        panic!("{chain:?}")
    };
    assert_eq!(lost.failure.as_ref().unwrap().code, FailureCode::WorkerLost);
    assert!(lost.started_at.is_some());
    assert_eq!(
        (next.outcome, next.retry_of),
        (RunOutcome::Succeeded, Some(id))
    );
    assert_eq!(report.tally.rescued, 1);
    // And the dead worker's permit is good for nothing any more.
    assert!(permit.enter().is_err());
}

#[tokio::test]
async fn a_run_that_was_rescued_at_the_limit_of_attempts_only_fails() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let mut sync = operation("sync");
    sync.retry.max_attempts = 1;
    let _unused = start_and_die(&site, id, sync).await;
    let sweeper = Working::start(site.worker([]));
    let run = site.completed(id).await;
    sweeper.drain().await;
    assert_eq!(run.failure.unwrap().code, FailureCode::WorkerLost);
    assert_eq!(site.successor(id).await, None);
}

#[tokio::test]
async fn a_rescued_run_passes_the_gate_afresh() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let _unused = start_and_die(&site, id, operation("sync")).await;
    site.apply(r#"{"change":"set_user","user":"7","active":false}"#)
        .await;
    let working = Working::start(site.worker([operation("sync")]).handle(
        "sync".parse().unwrap(),
        Handle(|_| async { Report::succeeded() }),
    ));
    site.when_chain_ended(id).await;
    let report = working.drain().await;
    let chain = site.chain(id).await;
    let outcomes: Vec<RunOutcome> = chain.iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [RunOutcome::Failed, RunOutcome::Blocked]);
    assert_eq!((chain[1].started_at, report.tally.started), (None, 0));
}

#[tokio::test]
async fn a_worker_that_comes_late_changes_nothing_of_a_run_that_was_rescued() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let other = Embedded::worker(&site, [operation("sync")]).handle(
        "sync".parse().unwrap(),
        Handle(|_| async { Report::succeeded() }),
    );
    let site = site.behind(not_renewing(Renewing::Pretends));
    let may_end = Arc::new(Notify::new());
    let told = Arc::clone(&may_end);
    let handler = Handle(move |_| {
        let told = Arc::clone(&told);
        async move {
            told.notified().await;
            Report::succeeded().with_result(&"too late")
        }
    });
    // Its renewals never reach the store, and it does not know.
    let cut_off = Working::start(
        site.worker_with([operation("sync")], lease_of(Duration::from_millis(300)))
            .handle("sync".parse().unwrap(), handler),
    );
    site.when(id, "it runs", |run| run.status == RunStatus::Running)
        .await;
    // No more of its own: the successor is for the other one.
    cut_off.stop.drain();
    let other = Working::start(other);
    site.when_chain_ended(id).await;
    let rescued = site.run(id).await;
    may_end.notify_one();
    let report = cut_off.drain().await;
    other.drain().await;
    assert_eq!(site.run(id).await, rescued);
    assert_eq!(
        (rescued.outcome, &rescued.result),
        (RunOutcome::Failed, &None)
    );
    assert_eq!((report.tally.started, report.tally.succeeded), (1, 0));
    assert_eq!(site.chain(id).await[1].outcome, RunOutcome::Succeeded);
}
