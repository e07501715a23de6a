//! What is started when, and what is left alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::{Execution, Report, Stop, Until, WorkerSettings};
use countersign_domain::{FailureCode, RunId, RunOutcome, RunStatus};
use tokio::sync::Notify;

use crate::support::{
    AUTHORITY, Embedded, Handle, MovedClock, Working, decision, drained, operation,
};

#[tokio::test]
async fn a_scheduled_run_is_not_started_before_it_is_due() {
    let clock = MovedClock::new();
    let site = Embedded::with_clock(AUTHORITY, clock.for_store()).await;
    let due_at = clock.now().plus(Duration::from_secs(3600));
    let later = site
        .submit_with("sync", &format!(r#","at":"{due_at}""#))
        .await;
    let working = Working::start(site.worker([operation("sync")]).handle(
        "sync".parse().unwrap(),
        Handle(|_| async { Report::succeeded() }),
    ));
    let now = site.submit("sync").await;
    site.completed(now).await;
    clock.advance(Duration::from_secs(3599));
    let almost = site.submit("sync").await;
    site.completed(almost).await;
    assert_eq!(site.run(later).await.status, RunStatus::Queued);
    clock.advance(Duration::from_secs(1));
    let run = site.completed(later).await;
    working.drain().await;
    assert_eq!((run.outcome, run.due_at), (RunOutcome::Succeeded, due_at));
    assert!(run.started_at.unwrap() >= due_at);
}

#[tokio::test]
async fn higher_priority_goes_first_then_due_time_then_id() {
    let clock = MovedClock::new();
    let site = Embedded::with_clock(AUTHORITY, clock.for_store()).await;
    let earlier = clock.now();
    clock.advance(Duration::from_secs(60));
    let at_earlier = format!(r#","at":"{earlier}""#);
    let low = site.submit_with("sync", r#","priority":-32768"#).await;
    let second = site.submit("sync").await;
    let third = site.submit("sync").await;
    let overdue = site.submit_with("sync", &at_earlier).await;
    let high = site.submit_with("other", r#","priority":32767"#).await;
    assert!(second < third, "ids rise with time");

    let order: Arc<Mutex<Vec<RunId>>> = Arc::default();
    let noting = || {
        let order = Arc::clone(&order);
        Handle(move |execution: Execution| {
            order.lock().unwrap().push(execution.run_id());
            async { Report::succeeded() }
        })
    };
    let alone = |settings| WorkerSettings {
        concurrency: 1,
        ..settings
    };
    let worker = site
        .worker_with([operation("sync"), operation("other")], alone)
        .handle("sync".parse().unwrap(), noting())
        .handle("other".parse().unwrap(), noting());
    drained(worker).await;
    assert_eq!(*order.lock().unwrap(), [high, overdue, second, third, low]);
}

#[tokio::test]
async fn operations_that_a_worker_does_not_know_are_left_untouched() {
    let site = Embedded::new(AUTHORITY).await;
    let no_entry = site.submit("unheard_of").await;
    let no_handler = site.submit("somebody_elses").await;
    let elsewhere = site
        .submit_with("sync", r#","queue_name":"elsewhere""#)
        .await;
    let known = site.submit("sync").await;
    let before = site.runs().await;
    let worker = site
        .worker([operation("sync"), operation("somebody_elses")])
        .handle(
            "sync".parse().unwrap(),
            Handle(|_| async { Report::succeeded() }),
        )
        .handle(
            "unheard_of".parse().unwrap(),
            Handle(|_| async { Report::succeeded() }),
        );
    let report = drained(worker).await;
    assert_eq!(
        (report.tally.succeeded, report.left.due, report.left.unknown),
        (1, 0, 3)
    );
    assert_eq!(site.run(known).await.outcome, RunOutcome::Succeeded);
    for id in [no_entry, no_handler, elsewhere] {
        let untouched = before.iter().find(|run| run.id == id).unwrap();
        assert_eq!(&site.run(id).await, untouched);
    }
}

#[tokio::test]
async fn no_more_handlers_run_at_once_than_the_worker_was_told() {
    let site = Embedded::new(AUTHORITY).await;
    for _ in 0..12 {
        site.submit("sync").await;
    }
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, highest) = (Arc::clone(&at_once), Arc::clone(&most));
    let handler = Handle(move |_| {
        let (now, highest) = (Arc::clone(&now), Arc::clone(&highest));
        async move {
            let entered = 1 + now.fetch_add(1, Ordering::SeqCst);
            highest.fetch_max(entered, Ordering::SeqCst);
            tokio::task::yield_now().await;
            now.fetch_sub(1, Ordering::SeqCst);
            Report::succeeded()
        }
    });
    let three = |settings| WorkerSettings {
        concurrency: 3,
        ..settings
    };
    drained(
        site.worker_with([operation("sync")], three)
            .handle("sync".parse().unwrap(), handler),
    )
    .await;
    let most = most.load(Ordering::SeqCst);
    assert!((1..=3).contains(&most), "{most}");
}

#[tokio::test]
async fn draining_lets_handlers_end_and_starts_nothing_more() {
    let site = Embedded::new(AUTHORITY).await;
    let first = site.submit("sync").await;
    let may_end = Arc::new(Notify::new());
    let told = Arc::clone(&may_end);
    let handler = Handle(move |execution: Execution| {
        let told = Arc::clone(&told);
        async move {
            told.notified().await;
            assert!(!execution.cancellation().is_cancelled());
            Report::succeeded()
        }
    });
    let working = Working::start(
        site.worker([operation("sync")])
            .handle("sync".parse().unwrap(), handler),
    );
    site.when(first, "it runs", |run| run.status == RunStatus::Running)
        .await;
    working.stop.drain();
    let second = site.submit("sync").await;
    may_end.notify_one();
    let report = working.drain().await;
    assert_eq!((report.tally.succeeded, report.left.due), (1, 1));
    assert_eq!(site.run(second).await.status, RunStatus::Queued);
}

#[tokio::test]
async fn stopping_now_cancels_handlers_and_queues_successors() {
    let site = Embedded::new(AUTHORITY).await;
    let polite = site.submit("polite").await;
    let deaf = site.submit("deaf").await;
    let done = site.submit("done").await;
    let worker = site
        .worker([operation("polite"), operation("deaf"), operation("done")])
        .handle(
            "polite".parse().unwrap(),
            Handle(|execution: Execution| async move {
                execution.cancellation().cancelled().await;
                Report::failed("interrupted").with_result(&"half of it")
            }),
        )
        .handle("deaf".parse().unwrap(), Handle(|_| std::future::pending()))
        .handle(
            "done".parse().unwrap(),
            Handle(|execution: Execution| async move {
                execution.cancellation().cancelled().await;
                Report::succeeded()
            }),
        );
    let working = Working::start(worker);
    for id in [polite, deaf, done] {
        site.when(id, "it runs", |run| run.status == RunStatus::Running)
            .await;
    }
    working.stop_now().await;
    for id in [polite, deaf] {
        let run = site.run(id).await;
        assert_eq!(run.failure.unwrap().code, FailureCode::WorkerLost);
        let next = site.successor(id).await.expect("a successor");
        assert_eq!((next.status, next.attempt), (RunStatus::Queued, 2));
    }
    assert_eq!(
        site.run(polite).await.result.unwrap().as_str(),
        r#""half of it""#
    );
    // What had done its work by the time it noticed keeps what it came to.
    assert_eq!(site.run(done).await.outcome, RunOutcome::Succeeded);
}

#[tokio::test]
async fn a_worker_that_is_dropped_takes_nothing_more() {
    let site = Embedded::new(AUTHORITY).await;
    let worker = |name: &str| {
        let named = |settings| WorkerSettings {
            name: name.parse().unwrap(),
            ..settings
        };
        site.worker_with([operation("sync")], named).handle(
            "sync".parse().unwrap(),
            Handle(|_| async { Report::succeeded() }),
        )
    };
    let first = tokio::spawn(worker("first").run(Until::Stopped, Stop::new()));
    let before = site.submit("sync").await;
    assert_eq!(
        decision(&site.completed(before).await).worker.as_str(),
        "first"
    );
    first.abort();
    let _aborted = first.await;

    let mut after = Vec::new();
    for _ in 0..20 {
        after.push(site.submit("sync").await);
    }
    let report = drained(worker("second")).await;
    assert_eq!(report.tally.succeeded, 20);
    for id in after {
        assert_eq!(decision(&site.run(id).await).worker.as_str(), "second");
    }
}
