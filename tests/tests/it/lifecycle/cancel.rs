//! Cancels, before a run starts and while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign::{Execution, Report};
use countersign_domain::{CancelNote, RunId, RunOutcome, RunStatus};
use countersign_ports::{Cancellation, Cancelled};

use crate::support::{AUTHORITY, Embedded, Handle, Working, decision, drained, operation};

async fn cancel(site: &Embedded, run: RunId) -> Cancelled {
    let note = CancelNote {
        by: "alice".parse().unwrap(),
        reason: Some("changed my mind".to_owned()),
    };
    let asked = [Cancellation { run, note }];
    site.ports.runs().cancel(&asked).await.unwrap()[0]
}

#[tokio::test]
async fn a_queued_run_that_is_cancelled_never_starts() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    assert_eq!(cancel(&site, id).await, Cancelled::BeforeStart);
    let entered = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&entered);
    let handler = Handle(move |_| {
        flag.store(true, Ordering::SeqCst);
        async { Report::succeeded() }
    });
    let report = drained(
        site.worker([operation("sync")])
            .handle("sync".parse().unwrap(), handler),
    )
    .await;
    assert_eq!(
        (report.tally.started, entered.load(Ordering::SeqCst)),
        (0, false)
    );
    let run = site.run(id).await;
    assert_eq!((run.outcome, run.started_at), (RunOutcome::Cancelled, None));
    assert_eq!(run.cancel.unwrap().by.as_str(), "alice");
}

#[tokio::test]
async fn a_running_run_that_is_cancelled_has_its_token_cancelled_and_keeps_its_result() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let handler = Handle(|execution: Execution| async move {
        execution.cancellation().cancelled().await;
        Report::failed("interrupted").with_result(&"half of it")
    });
    let working = Working::start(
        site.worker([operation("sync")])
            .handle("sync".parse().unwrap(), handler),
    );
    let started = site
        .when(id, "it runs", |run| run.status == RunStatus::Running)
        .await;
    assert_eq!(cancel(&site, id).await, Cancelled::Requested);
    let run = site.completed(id).await;
    working.drain().await;
    assert_eq!(run.outcome, RunOutcome::Cancelled);
    assert_eq!(run.result.as_ref().unwrap().as_str(), r#""half of it""#);
    assert_eq!((run.failure, site.successor(id).await), (None, None));
    let note = run.cancel.unwrap();
    assert_eq!(
        (note.by.as_str(), note.reason.as_deref()),
        ("alice", Some("changed my mind"))
    );
    assert_eq!(
        (run.decision, run.started_at),
        (started.decision, started.started_at)
    );
}

#[tokio::test]
async fn a_handler_that_ignores_a_cancel_is_dropped_after_the_grace() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let handler = Handle(|_| std::future::pending());
    let working = Working::start(
        site.worker([operation("sync")])
            .handle("sync".parse().unwrap(), handler),
    );
    site.when(id, "it runs", |run| run.status == RunStatus::Running)
        .await;
    cancel(&site, id).await;
    assert_eq!(site.completed(id).await.outcome, RunOutcome::Cancelled);
    working.drain().await;
}

#[tokio::test]
async fn a_handler_that_ended_before_it_noticed_is_cancelled_all_the_same() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let ports = site.ports.clone();
    // The flag is raised before the work ends: whichever commits first decides.
    let handler = Handle(move |execution: Execution| {
        let ports = ports.clone();
        async move {
            let note = CancelNote {
                by: "alice".parse().unwrap(),
                reason: None,
            };
            let asked = [Cancellation {
                run: execution.run_id(),
                note,
            }];
            ports.runs().cancel(&asked).await.unwrap();
            Report::succeeded().with_result(&"all of it")
        }
    });
    drained(
        site.worker([operation("sync")])
            .handle("sync".parse().unwrap(), handler),
    )
    .await;
    let run = site.run(id).await;
    assert_eq!(run.outcome, RunOutcome::Cancelled);
    assert_eq!(run.result.as_ref().unwrap().as_str(), r#""all of it""#);
    assert!(decision(&run).allowed);
}
