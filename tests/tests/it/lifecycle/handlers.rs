//! What handlers are given, and what is kept of what they return.

use std::sync::Arc;

use countersign::{Execution, Report, Stop, Until, handler_fn};
use countersign_domain::{FailureCode, Operation, RunOutcome, RunStatus};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::support::{AUTHORITY, Embedded, Handle, drained, ended, operation};

/// The sum of two numbers of the context, typed on both sides.
async fn add(context: Map<String, Value>, execution: Execution) -> Result<Value, String> {
    assert_eq!(execution.run_id(), execution.entry().run().id);
    let number = |key| {
        context
            .get(key)
            .and_then(Value::as_i64)
            .ok_or(format!("no `{key}`"))
    };
    Ok(json!({ "sum": number("a")? + number("b")? }))
}

fn once(name: &str) -> Operation {
    let mut operation = operation(name);
    operation.retry.max_attempts = 1;
    operation
}

#[tokio::test]
async fn a_typed_handler_gets_its_context_and_its_result_is_kept() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site
        .submit_with("add", r#","context":{"a":2,"b":40}"#)
        .await;
    drained(
        site.worker([once("add")])
            .handle("add".parse().unwrap(), handler_fn(add)),
    )
    .await;
    let run = site.run(id).await;
    assert_eq!(run.outcome, RunOutcome::Succeeded);
    assert_eq!(run.result.unwrap().as_str(), r#"{"sum":42}"#);
}

#[tokio::test]
async fn a_typed_handlers_error_is_the_failures_message() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit_with("add", r#","context":{"a":2}"#).await;
    drained(
        site.worker([once("add")])
            .handle("add".parse().unwrap(), handler_fn(add)),
    )
    .await;
    let failure = site.run(id).await.failure.unwrap();
    assert_eq!(
        (failure.code, failure.message.as_str()),
        (FailureCode::HandlerFailed, "no `b`")
    );
}

#[tokio::test]
async fn a_context_that_does_not_fit_its_handler_fails_without_a_retry() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit_with("count", r#","context":{"text":1}"#).await;
    let count = |context: std::collections::BTreeMap<String, String>, _: Execution| async move {
        Ok::<_, String>(context.len())
    };
    let worker = site.worker([operation("count")]);
    drained(worker.handle("count".parse().unwrap(), handler_fn(count))).await;
    let run = site.run(id).await;
    let failure = run.failure.unwrap();
    assert_eq!(failure.code, FailureCode::HandlerFailed);
    assert!(
        failure
            .message
            .starts_with("the run's context does not fit:"),
        "{}",
        failure.message
    );
    assert_eq!(site.successor(id).await, None);
}

#[tokio::test]
async fn partial_success_is_kept_and_not_tried_again() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let handler = Handle(|_| async { Report::partially_succeeded().with_result(&json!([1, 2])) });
    drained(
        site.worker([operation("sync")])
            .handle("sync".parse().unwrap(), handler),
    )
    .await;
    let run = site.run(id).await;
    assert_eq!(run.outcome, RunOutcome::PartiallySucceeded);
    assert_eq!(run.result.unwrap().as_str(), "[1,2]");
    assert_eq!(site.successor(id).await, None);
}

#[tokio::test]
async fn a_system_run_needs_an_operation_that_accepts_it() {
    let site = Embedded::new(AUTHORITY).await;
    let line = |name| format!(r#"{{"workspace":"1","tenant":"4","system":true,"type":"{name}"}}"#);
    let (refused, accepted) = (line("actors_only"), line("anybody"));
    let refused = site.submit_line(&refused).await;
    let accepted = site.submit_line(&accepted).await;
    let mut anybody = operation("anybody");
    anybody.system = true;
    let worker = site
        .worker([operation("actors_only"), anybody])
        .handle(
            "actors_only".parse().unwrap(),
            Handle(|_| async { Report::succeeded() }),
        )
        .handle(
            "anybody".parse().unwrap(),
            Handle(|_| async { Report::succeeded() }),
        );
    drained(worker).await;
    let refused = site.run(refused).await;
    assert_eq!(
        crate::support::decision(&refused)
            .reason_code
            .unwrap()
            .as_str(),
        "system_authority_not_allowed"
    );
    assert_eq!(
        (refused.outcome, refused.started_at),
        (RunOutcome::Blocked, None)
    );
    assert_eq!(site.run(accepted).await.outcome, RunOutcome::Succeeded);
}

/// One `Stop` may tell several workers, as a program's signals do.
#[tokio::test]
async fn g5_a_worker_completes_its_runs_though_another_that_stops_with_it_has_ended() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("sync").await;
    let (stop, goes_on) = (Stop::new(), Arc::new(Notify::new()));
    let waiting = Arc::clone(&goes_on);
    let handler = Handle(move |_| {
        let waiting = Arc::clone(&waiting);
        async move {
            waiting.notified().await;
            Report::succeeded()
        }
    });
    let sync = site
        .worker([once("sync")])
        .handle("sync".parse().unwrap(), handler);
    let working = tokio::spawn(sync.run(Until::Drained, stop.clone()));
    site.when(id, "the run runs", |run| run.status == RunStatus::Running)
        .await;
    let idle = site
        .worker([once("add")])
        .handle("add".parse().unwrap(), handler_fn(add));
    ended("the idle worker", idle.run(Until::Drained, stop))
        .await
        .unwrap();
    goes_on.notify_one();
    let run = site.completed(id).await;
    assert_eq!((run.outcome, run.failure), (RunOutcome::Succeeded, None));
    ended("the worker", working).await.unwrap().unwrap();
}
