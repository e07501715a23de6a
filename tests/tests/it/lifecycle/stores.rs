//! Runs and authority in different stores: refused, unless an age is agreed to by name.

use std::sync::Arc;
use std::time::Duration;

use countersign::{ConsistencyMode, Ports, Report};
use countersign_domain::{RunOutcome, RunStatus};

use crate::support::{
    AUTHORITY, Embedded, FaultyAuthority, Handle, MovedClock, Working, apply, drained, operation,
    until_async,
};

fn bounded(millis: u64) -> ConsistencyMode {
    ConsistencyMode::Bounded {
        max_age: Duration::from_millis(millis),
    }
}

#[tokio::test]
async fn runs_and_authority_apart_are_refused() {
    let site = Embedded::new("").await;
    let elsewhere = site.another_store("authority.db").await;
    let put_together = |consistency| {
        Ports::new(
            Arc::new(site.store.runs()),
            Arc::new(elsewhere.authority()),
            Arc::new(site.store.queue()),
            consistency,
        )
    };
    let error = put_together(ConsistencyMode::Fenced).err().unwrap();
    insta::assert_snapshot!(error, @r#"runs live in a sqlite store and authority in a sqlite one, so a start cannot be fenced (G2): put both into one store, or ask for `[consistency] mode = "bounded"` with a `max_age`"#);
    assert!(put_together(bounded(500)).is_ok());
}

#[tokio::test]
async fn bounded_consistency_works_and_the_record_says_how_old_facts_may_be() {
    let site = Embedded::new("").await;
    let elsewhere = site.another_store("authority.db").await;
    apply(&elsewhere.authority(), AUTHORITY).await;
    let site = site.behind(|store| {
        let (runs, queue) = (Arc::new(store.runs()), Arc::new(store.queue()));
        Ports::new(
            runs,
            Arc::new(elsewhere.authority()),
            queue,
            bounded(60_000),
        )
        .unwrap()
    });
    let allowed = site.submit("sync").await;
    let denied = site
        .submit_line(r#"{"workspace":"1","tenant":"4","user":"8","type":"sync"}"#)
        .await;
    let worker = site.worker([operation("sync")]);
    drained(worker.handle(
        "sync".parse().unwrap(),
        Handle(|_| async { Report::succeeded() }),
    ))
    .await;
    for (id, outcome) in [
        (allowed, RunOutcome::Succeeded),
        (denied, RunOutcome::Blocked),
    ] {
        let run = site.run(id).await;
        assert_eq!(run.outcome, outcome);
        let record = serde_json::to_value(run).unwrap();
        let authority = &record["context"]["execution_legitimacy"]["authority"];
        assert_eq!(authority["consistency"], "bounded");
        assert_eq!(authority["max_age_ms"], 60_000);
    }
}

#[tokio::test]
async fn facts_that_are_older_than_was_agreed_neither_start_nor_block() {
    let clock = MovedClock::new();
    let site = Embedded::with_clock("", clock.for_store()).await;
    let elsewhere = site.another_store("authority.db").await;
    apply(&elsewhere.authority(), AUTHORITY).await;
    // Every look-up takes a second too long, by the run store's clock.
    let slow = clock.clone();
    let authority = Arc::new(FaultyAuthority::with_delay(
        elsewhere.authority(),
        move || {
            slow.advance(Duration::from_millis(1500));
        },
    ));
    let front = Arc::clone(&authority);
    let site = site.behind(|store| {
        let (runs, queue) = (Arc::new(store.runs()), Arc::new(store.queue()));
        Ports::new(runs, front, queue, bounded(500)).unwrap()
    });
    let allowed = site.submit("sync").await;
    let denied = site
        .submit_line(r#"{"workspace":"1","tenant":"4","user":"8","type":"sync"}"#)
        .await;
    let worker = site.worker([operation("sync")]);
    let handler = Handle(|_| async { Report::succeeded() });
    let working = Working::start(worker.handle("sync".parse().unwrap(), handler));
    until_async("it is tried many times", async || {
        (authority.look_ups() >= 8).then_some(())
    })
    .await;
    let report = working.drain().await;
    assert_eq!((report.tally.started, report.tally.blocked), (0, 0));
    for id in [allowed, denied] {
        let run = site.run(id).await;
        assert_eq!((run.status, run.decision), (RunStatus::Queued, None));
    }
}
