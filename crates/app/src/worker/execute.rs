//! One task a run: its handler, with timeout, cancellation and panics.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_domain::{ExecutionContext, FailureCode, Operation, OperationRun, RunId};
use countersign_ports::{Finish, Permit, PermitLapsed, Successor, Work, fresh_run_id};
use futures::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::complete::Ended;
use super::running::{RunningRun, StopCause};
use crate::{Execution, Handler, Report, Retryable};

/// A handler whose lease was not renewed is told to stop when one of so many parts of it is left: after
/// two renewals have had their time, and before the lease lapses.
const LEASE_PARTS: u32 = 6;

/// An entered run on its way into its handler.
pub(super) struct Entered {
    execution: Execution,
    handler: Arc<dyn Handler>,
    running: Arc<RunningRun>,
    attempt: u32,
}

/// Consumes the permit and registers the run.
pub(super) fn enter(
    shared: &Shared,
    run: OperationRun,
    permit: Permit,
) -> Result<Entered, PermitLapsed> {
    let id = run.id;
    let (Some(handler), Some(operation)) = (
        shared.handlers.get(&run.operation_type),
        shared.gate.operation(&run),
    ) else {
        // Only operations with both are received.
        return Err(PermitLapsed { run: id });
    };
    let context = ExecutionContext::of(&run, Arc::clone(operation));
    let attempt = run.attempt;
    let token = CancellationToken::new();
    let execution = Execution::enter(run, permit, token.clone())?;
    let running = Arc::new(RunningRun::new(execution.entry(), context, token));
    shared.running.add(Arc::clone(&running));
    Ok(Entered {
        execution,
        handler: Arc::clone(handler),
        running,
        attempt,
    })
}

/// Runs the handler to its end and hands over what it came to. The slot is free after that.
pub(super) async fn execute(
    shared: Arc<Shared>,
    entered: Entered,
    slot: Option<OwnedSemaphorePermit>,
) {
    let Entered {
        execution,
        handler,
        running,
        attempt,
    } = entered;
    let operation = Arc::clone(&running.context.operation);
    let report = supervise(&shared, &*handler, execution, &running, &operation).await;
    let report = judge_stop(report, &running);
    let successor = successor(&report, &operation, attempt);
    let ended = Ended {
        finish: Finish {
            run: running.key.clone(),
            lease_id: running.lease_id,
            work: report.work,
            result: report.result,
            output: report.output,
            successor,
        },
    };
    if shared.completions.send(ended).await.is_err() {
        tracing::error!(run = %running.key.id, "the completer is gone; the run will be rescued");
        shared.running.remove(running.key.id);
    }
    drop(slot);
}

/// The handler's report; none where it had to be dropped.
async fn supervise(
    shared: &Shared,
    handler: &dyn Handler,
    execution: Execution,
    running: &RunningRun,
    operation: &Operation,
) -> Option<Report> {
    let run = execution.run_id();
    let token = execution.cancellation().clone();
    // Within, as a handler may panic before there is a future.
    let work = AssertUnwindSafe(async { handler.handle(execution).await }).catch_unwind();
    tokio::pin!(work);
    tokio::select! {
        biased;
        ended = &mut work => return Some(reported(ended, run)),
        () = token.cancelled() => {}
        () = shared.stop.handlers().cancelled() => running.stop(StopCause::WorkerStopped),
        () = expired(operation.timeout) => {
            running.stop(StopCause::Timeout(operation.timeout.unwrap_or_default()));
        }
        () = nearly_lapsed(running, shared.settings.lease_for / LEASE_PARTS) => {
            tracing::error!(%run, "the lease was not renewed in time; stopping the handler");
            running.stop(StopCause::LeaseLost);
        }
    }
    match tokio::time::timeout(shared.settings.cancel_grace, &mut work).await {
        Ok(ended) => Some(reported(ended, run)),
        Err(_) => {
            tracing::warn!(%run, "the handler did not stop within its grace and was dropped");
            None
        }
    }
}

/// Returns so long before the lease lapses. Every renewal that holds moves that on.
async fn nearly_lapsed(running: &RunningRun, before: Duration) {
    loop {
        let left = running
            .deadline()
            .saturating_duration_since(Instant::now())
            .saturating_sub(before);
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left).await;
    }
}

async fn expired(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

fn reported(ended: Result<Report, Box<dyn Any + Send>>, run: RunId) -> Report {
    ended.unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "the handler panicked".to_owned());
        tracing::error!(%run, message, "a handler panicked");
        Report::failed_with(FailureCode::Panicked, message)
    })
}

/// What a handler's end means, given why it was asked to stop.
///
/// A flag in the store makes the outcome `cancelled` by itself. A handler that had ended its work
/// before it noticed keeps what it came to.
fn judge_stop(report: Option<Report>, running: &RunningRun) -> Report {
    let unfinished = match &report {
        None => true,
        Some(report) => match report.work {
            Work::Succeeded | Work::PartiallySucceeded => false,
            Work::Failed(_) | Work::Cancelled(_) => true,
        },
    };
    let kept = report.unwrap_or_else(Report::succeeded);
    match running.cause() {
        Some(cause) if unfinished => {
            let stopped = match cause {
                StopCause::Flagged(note) => Report::cancelled(note.by.clone(), note.reason.clone()),
                StopCause::Timeout(timeout) => Report::failed_with(
                    FailureCode::Timeout,
                    format_args!("took longer than {timeout:?}"),
                ),
                StopCause::LeaseLost => Report::failed_with(
                    FailureCode::WorkerLost,
                    "the lease could not be renewed in time",
                ),
                StopCause::WorkerStopped => {
                    Report::failed_with(FailureCode::WorkerLost, "the worker was stopped")
                }
            };
            Report {
                result: kept.result,
                output: kept.output,
                ..stopped
            }
        }
        Some(_) | None => kept,
    }
}

fn successor(report: &Report, operation: &Operation, attempt: u32) -> Option<Successor> {
    let Work::Failed(_) = &report.work else {
        return None;
    };
    let wait = match report.retry {
        Retryable::Never => return None,
        Retryable::After(wait) => wait,
        Retryable::ByPolicy => jittered(operation.retry.wait_after(attempt)),
    };
    (attempt < operation.retry.max_attempts).then(|| Successor {
        id: fresh_run_id(),
        wait,
    })
}

/// Between half of the wait and all of it, so that runs that failed together do not return together.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.5 + fastrand::f64() / 2.0)
}
