//! Authority that is withdrawn while a run runs (G7).

use std::sync::Arc;
use std::time::Duration;

use countersign::{ConsistencyMode, Execution, Ports, Report, WorkerSettings};
use countersign_domain::{Continuity, ContinuityRecord, OperationRun, RunOutcome, RunStatus};
use tokio::sync::Notify;

use crate::support::{
    AUTHORITY, Embedded, FaultyAuthority, Handle, Working, decision, operation, until_async,
};

const REVOKED: &str =
    r#"{"change":"revoke","user":"7","workspace":"1","tenant":"4","role":"operator"}"#;

/// Renews ten times a second.
fn renewing_often(settings: WorkerSettings) -> WorkerSettings {
    WorkerSettings {
        lease_for: Duration::from_millis(900),
        ..settings
    }
}

fn continuity(run: &OperationRun) -> ContinuityRecord {
    let record = run.continuity.as_ref().expect("a deny on record");
    serde_json::from_str(record.as_str()).unwrap()
}

#[tokio::test]
async fn a_run_whose_authority_is_withdrawn_is_cancelled_and_keeps_its_decision() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let handler = Handle(|execution: Execution| async move {
        execution.cancellation().cancelled().await;
        Report::failed("interrupted").with_result(&"half of it")
    });
    let working = Working::start(
        site.worker_with([operation("sync")], renewing_often)
            .handle("sync".parse().unwrap(), handler),
    );
    let started = site
        .when(id, "it runs", |run| run.status == RunStatus::Running)
        .await;
    site.apply(REVOKED).await;
    let run = site.completed(id).await;
    working.drain().await;
    assert_eq!(run.outcome, RunOutcome::Cancelled);
    assert_eq!(run.result.as_ref().unwrap().as_str(), r#""half of it""#);
    assert_eq!(
        (&run.decision, run.started_at),
        (&started.decision, started.started_at)
    );
    assert!(decision(&run).allowed);
    let deny = continuity(&run);
    assert_eq!(deny.reason_code.as_str(), "tenant_not_entitled");
    assert_eq!(deny.action, Continuity::Cancel);
    assert_eq!(run.cancel.as_ref().unwrap().by.as_str(), "continuity");
    assert_eq!(site.successor(id).await, None);
    let record = serde_json::to_value(&run).unwrap();
    assert_eq!(
        record["context"]["continuity"]["reason_code"],
        "tenant_not_entitled"
    );
    assert_eq!(record["context"]["execution_legitimacy"]["allowed"], true);
    assert_eq!(record["context"].get("blocked_by"), None);
}

#[tokio::test]
async fn an_operation_that_says_finish_ends_and_the_deny_is_kept_with_it() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let mut sync = operation("sync");
    sync.continuity = Continuity::Finish;
    let may_end = Arc::new(Notify::new());
    let told = Arc::clone(&may_end);
    let handler = Handle(move |execution: Execution| {
        let told = Arc::clone(&told);
        async move {
            told.notified().await;
            assert!(!execution.cancellation().is_cancelled());
            Report::succeeded().with_result(&"all of it")
        }
    });
    let working = Working::start(
        site.worker_with([sync], renewing_often)
            .handle("sync".parse().unwrap(), handler),
    );
    site.when(id, "it runs", |run| run.status == RunStatus::Running)
        .await;
    site.apply(REVOKED).await;
    let denied = site
        .when(id, "the deny is on record", |run| run.continuity.is_some())
        .await;
    assert_eq!(denied.status, RunStatus::Running);
    may_end.notify_one();
    let run = site.completed(id).await;
    working.drain().await;
    assert_eq!((run.outcome, &run.cancel), (RunOutcome::Succeeded, &None));
    assert_eq!(run.continuity, denied.continuity);
    assert_eq!(continuity(&run).action, Continuity::Finish);
    assert_eq!(run.decision, denied.decision);
}

#[tokio::test]
async fn authority_that_cannot_be_read_changes_nothing_for_a_running_run() {
    changes_nothing(|authority| authority.set_unreadable(true)).await;
}

#[tokio::test]
async fn authority_that_gives_no_answer_changes_nothing_for_a_running_run() {
    changes_nothing(FaultyAuthority::fall_silent).await;
}

/// While a run runs this happens to its authority, and it goes on.
async fn changes_nothing(happens: impl FnOnce(&FaultyAuthority)) {
    let site = Embedded::new(AUTHORITY).await;
    let authority = Arc::new(FaultyAuthority::over(site.store.authority()));
    let front = Arc::clone(&authority);
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
            told.notified().await;
            assert!(!execution.cancellation().is_cancelled());
            Report::succeeded()
        }
    });
    let working = Working::start(
        site.worker_with([operation("sync")], renewing_often)
            .handle("sync".parse().unwrap(), handler),
    );
    site.when(id, "it runs", |run| run.status == RunStatus::Running)
        .await;
    happens(&authority);
    let before = authority.look_ups();
    // Five renewals are longer than the lease: it is renewed all the same.
    until_async("five renewals", async || {
        (authority.look_ups() >= before + 5).then_some(())
    })
    .await;
    may_end.notify_one();
    let run = site.completed(id).await;
    working.drain().await;
    assert_eq!((run.outcome, run.continuity), (RunOutcome::Succeeded, None));
}
