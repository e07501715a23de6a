//! Runs that fail, and the runs that take their place.

use std::pin::Pin;
use std::time::Duration;

use countersign::{Execution, Handler, Report, Retryable};
use countersign_domain::{FailureCode, OperationRun, RunId, RunOutcome, RunStatus};

use crate::support::{AUTHORITY, Embedded, Handle, Working, drained, operation};

/// Works off one run and what follows from it.
async fn work_off(
    site: &Embedded,
    operation: countersign_domain::Operation,
    keys: &str,
    report: impl Fn(u32) -> Report + Send + Sync + 'static,
) -> Vec<OperationRun> {
    let name = operation.name.clone();
    let id = site.submit_with(name.as_str(), keys).await;
    let handler = Handle(move |execution: Execution| {
        let report = report(execution.run().attempt);
        async move { report }
    });
    let working = Working::start(site.worker([operation]).handle(name, handler));
    site.when_chain_ended(id).await;
    working.drain().await;
    site.chain(id).await
}

fn failure(run: &OperationRun) -> Option<FailureCode> {
    run.failure.as_ref().map(|failure| failure.code)
}

fn outcomes(chain: &[OperationRun]) -> Vec<RunOutcome> {
    chain.iter().map(|run| run.outcome).collect()
}

#[tokio::test]
async fn a_failed_run_is_followed_by_a_new_run_of_its_chain() {
    let site = Embedded::new(AUTHORITY).await;
    let keys = r#","context":{"page":3},"priority":-5,"unique":"key","queue_name":"default""#;
    let chain = work_off(&site, operation("sync"), keys, |attempt| match attempt {
        1 => Report::failed("not yet"),
        _ => Report::succeeded(),
    })
    .await;
    assert_eq!(
        outcomes(&chain),
        [RunOutcome::Failed, RunOutcome::Succeeded]
    );
    let [first, second] = &chain[..] else {
        panic!("{chain:?}")
    };
    assert_eq!(failure(first), Some(FailureCode::HandlerFailed));
    assert_eq!(first.failure.as_ref().unwrap().message, "not yet");
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert_eq!((first.chain_id, second.chain_id), (first.id, first.id));
    assert_eq!((first.retry_of, second.retry_of), (None, Some(first.id)));
    assert_ne!(first.id, second.id);
    let copied = |run: &OperationRun| {
        (
            (
                run.workspace_id.clone(),
                run.tenant_id.clone(),
                run.initiator.clone(),
            ),
            (
                run.authority_mode,
                run.operation_type.clone(),
                run.provider_connection_id.clone(),
            ),
            (
                run.context.clone(),
                run.priority,
                run.unique_key.clone(),
                run.queue_name.clone(),
            ),
        )
    };
    assert_eq!(copied(first), copied(second));
    assert_eq!(first.context.as_str(), r#"{"page":3}"#);
    // It passed the gate afresh.
    assert_ne!(
        crate::support::decision(first).decision_id,
        crate::support::decision(second).decision_id
    );
}

#[tokio::test]
async fn a_run_is_tried_no_more_often_than_its_operation_permits() {
    let site = Embedded::new(AUTHORITY).await;
    let mut sync = operation("sync");
    sync.retry.max_attempts = 4;
    let chain = work_off(&site, sync, "", |_| Report::failed("never")).await;
    assert_eq!(outcomes(&chain), [RunOutcome::Failed; 4]);
}

#[tokio::test]
async fn a_failure_that_says_so_is_not_tried_again() {
    let site = Embedded::new(AUTHORITY).await;
    let report = |_| Report::failed("hopeless").retried(Retryable::Never);
    let chain = work_off(&site, operation("sync"), "", report).await;
    assert_eq!(outcomes(&chain), [RunOutcome::Failed]);
}

#[tokio::test]
async fn a_failure_may_name_the_wait_before_the_next_attempt() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let worker = site.worker([operation("sync")]).handle(
        "sync".parse().unwrap(),
        Handle(|_| async {
            Report::failed("later").retried(Retryable::After(Duration::from_secs(3600)))
        }),
    );
    let report = drained(worker).await;
    assert_eq!((report.left.due, report.left.later), (0, 1));
    let next = site.successor(id).await.unwrap();
    assert_eq!(next.status, RunStatus::Queued);
    assert_eq!(next.due_at.since(next.queued_at), Duration::from_secs(3600));
}

#[tokio::test]
async fn the_policys_wait_is_kept_at_least_by_half() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let mut sync = operation("sync");
    sync.retry.backoff = Duration::from_secs(600);
    let handler = Handle(|_| async { Report::failed("later") });
    drained(site.worker([sync]).handle("sync".parse().unwrap(), handler)).await;
    let next = site.successor(id).await.unwrap();
    let wait = next.due_at.since(next.queued_at);
    assert!((300..=600).contains(&wait.as_secs()), "{wait:?}");
}

#[tokio::test]
async fn a_handler_that_takes_too_long_fails_with_timeout_and_gets_a_successor() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let mut sync = operation("sync");
    sync.timeout = Some(Duration::from_millis(50));
    let handler = Handle(|execution: Execution| async move {
        if execution.run().attempt == 1 {
            execution.cancellation().cancelled().await;
            return Report::failed("interrupted").with_result(&"half of it");
        }
        Report::succeeded()
    });
    let working = Working::start(site.worker([sync]).handle("sync".parse().unwrap(), handler));
    site.when_chain_ended(id).await;
    working.drain().await;
    let chain = site.chain(id).await;
    assert_eq!(
        outcomes(&chain),
        [RunOutcome::Failed, RunOutcome::Succeeded]
    );
    assert_eq!(failure(&chain[0]), Some(FailureCode::Timeout));
    assert_eq!(
        chain[0].result.as_ref().unwrap().as_str(),
        r#""half of it""#
    );
}

#[tokio::test]
async fn a_handler_that_ignores_its_timeout_is_dropped_after_the_grace() {
    let site = Embedded::new(AUTHORITY).await;
    let mut sync = operation("sync");
    sync.timeout = Some(Duration::from_millis(20));
    sync.retry.max_attempts = 1;
    let id = site.submit("sync").await;
    let handler = Handle(|_| std::future::pending());
    drained(site.worker([sync]).handle("sync".parse().unwrap(), handler)).await;
    assert_eq!(failure(&site.run(id).await), Some(FailureCode::Timeout));
}

/// One that panics before it has a future.
struct Hasty;

impl Handler for Hasty {
    fn handle<'handler, 'future>(
        &'handler self,
        _execution: Execution,
    ) -> Pin<Box<dyn Future<Output = Report> + Send + 'future>>
    where
        'handler: 'future,
    {
        panic!("too early")
    }
}

#[tokio::test]
async fn a_handler_that_panics_at_once_fails() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let mut sync = operation("sync");
    sync.retry.max_attempts = 1;
    let report = drained(site.worker([sync]).handle("sync".parse().unwrap(), Hasty)).await;
    assert_eq!(report.tally.failed, 1);
    assert_eq!(failure(&site.run(id).await), Some(FailureCode::Panicked));
}

#[tokio::test]
async fn a_handler_that_panics_fails_and_its_neighbours_are_unharmed() {
    let site = Embedded::new(AUTHORITY).await;
    let mut ids: Vec<RunId> = Vec::new();
    for at in 0..8 {
        ids.push(
            site.submit_with("sync", &format!(r#","context":{{"at":{at}}}"#))
                .await,
        );
    }
    let mut sync = operation("sync");
    sync.retry.max_attempts = 1;
    let gate = std::sync::Arc::new(tokio::sync::Barrier::new(8));
    let handler = Handle(move |execution: Execution| {
        let gate = std::sync::Arc::clone(&gate);
        async move {
            // All of them are at work when one panics.
            gate.wait().await;
            assert_ne!(
                execution.run().context.as_str(),
                r#"{"at":3}"#,
                "the third one"
            );
            Report::succeeded()
        }
    });
    let report = drained(site.worker([sync]).handle("sync".parse().unwrap(), handler)).await;
    assert_eq!((report.tally.succeeded, report.tally.failed), (7, 1));
    let panicked = site.run(ids[3]).await;
    assert_eq!(failure(&panicked), Some(FailureCode::Panicked));
    assert!(panicked.failure.unwrap().message.contains("the third one"));
}
