//! Cancels and retries, one by one and in bulk by reason.

use std::process::ExitCode;
use std::sync::Arc;

use countersign::domain::{
    ActorName, CancelNote, ContinuityRecord, OperationRun, ReasonCode, RunId, RunOutcome,
    RunStatus, WorkspaceId,
};
use countersign::port::{
    Cancellation, Cancelled, ContextDetail, QueueEntry, QueueUpkeep, Retried, Retry, RunFilter,
    fresh_run_id,
};
use countersign::{Preflight, Refusal};
use serde::Serialize;

use super::{PAGE, found};
use crate::cli::args::Bulk;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::stores::Deployment;

#[derive(Serialize)]
struct Told {
    id: RunId,
    /// What became of it.
    result: &'static str,
    /// The successor of a retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    successor: Option<RunId>,
}

pub(super) async fn cancel(
    deployment: &Deployment,
    words: &Bulk,
    output: Output,
) -> Result<ExitCode, Failure> {
    let ids = match (words.reason, &words.workspace) {
        (Some(reason), Some(workspace)) => cancellable(deployment, reason, workspace).await?,
        _ => words.ids.clone(),
    };
    if words.dry_run {
        let runs = found(deployment, &ids).await?;
        let verdict = |run: &OperationRun| match run.status {
            RunStatus::Queued | RunStatus::Running => told(run.id, "would_cancel"),
            RunStatus::Completed if run.outcome == RunOutcome::Cancelled => {
                told(run.id, "already_cancelled")
            }
            RunStatus::Completed => told(run.id, "already_completed"),
        };
        return tell_all(runs.iter().map(verdict), output);
    }
    let note = CancelNote {
        by: who(words)?,
        reason: words.note.clone(),
    };
    let mut answers = Vec::with_capacity(ids.len());
    for page in ids.chunks(PAGE as usize) {
        let batch: Vec<Cancellation> = page
            .iter()
            .map(|run| Cancellation {
                run: *run,
                note: note.clone(),
            })
            .collect();
        let cancelled = deployment.ports.runs().cancel(&batch).await?;
        answers.extend(
            page.iter()
                .zip(cancelled)
                .map(|(id, cancelled)| match cancelled {
                    Cancelled::BeforeStart => told(*id, "cancelled"),
                    Cancelled::Requested => told(*id, "requested"),
                    Cancelled::AlreadyRequested => told(*id, "already_requested"),
                    Cancelled::AlreadyCompleted(RunOutcome::Cancelled) => {
                        told(*id, "already_cancelled")
                    }
                    Cancelled::AlreadyCompleted(_) => told(*id, "already_completed"),
                    Cancelled::NotFound => told(*id, "not_found"),
                }),
        );
    }
    let refused = answers.iter().find_map(|answer| match answer.result {
        "not_found" => Some(Failure::not_found(format_args!(
            "there is no run `{}`",
            answer.id
        ))),
        "already_completed" => Some(Failure::refused(
            "already_completed",
            format_args!("run `{}` is completed and cannot be cancelled", answer.id),
        )),
        _ => None,
    });
    finish(answers, refused, output)
}

pub(super) async fn retry(
    deployment: &Deployment,
    words: &Bulk,
    output: Output,
) -> Result<ExitCode, Failure> {
    let ids = match (words.reason, &words.workspace) {
        (Some(reason), Some(workspace)) => {
            let filter = RunFilter {
                outcome: Some(RunOutcome::Blocked),
                reason: Some(reason),
                workspace_id: Some(workspace.clone()),
                ..RunFilter::default()
            };
            all(deployment, &filter)
                .await?
                .iter()
                .map(|run| run.id)
                .collect()
        }
        _ => words.ids.clone(),
    };
    if words.dry_run {
        let runs = found(deployment, &ids).await?;
        let verdict = |run: &OperationRun| match run.status {
            RunStatus::Completed => told(run.id, "would_retry"),
            RunStatus::Queued | RunStatus::Running => told(run.id, "not_completed"),
        };
        return tell_all(runs.iter().map(verdict), output);
    }
    let requested_by = who(words)?;
    let mut answers = Vec::with_capacity(ids.len());
    for page in ids.chunks(PAGE as usize) {
        let batch: Vec<Retry> = page
            .iter()
            .map(|run| Retry {
                run: *run,
                successor: fresh_run_id(),
                requested_by: requested_by.clone(),
            })
            .collect();
        let retried = deployment.ports.runs().retry(&batch).await?;
        push(deployment, &retried).await;
        answers.extend(
            page.iter()
                .zip(&retried)
                .map(|(id, retried)| match retried {
                    Retried::Created(entry) => successor(*id, "queued", entry.run.id),
                    Retried::Existing { id: next } => successor(*id, "existing", *next),
                    Retried::NotCompleted => told(*id, "not_completed"),
                    Retried::UniqueKeyHeld { holder } => successor(*id, "unique_key_held", *holder),
                    Retried::NotFound => told(*id, "not_found"),
                }),
        );
    }
    let refused = answers.iter().find_map(|answer| match answer.result {
        "not_found" => Some(Failure::not_found(format_args!(
            "there is no run `{}`",
            answer.id
        ))),
        "not_completed" => Some(Failure::refused(
            "not_completed",
            format_args!("run `{}` is not completed yet", answer.id),
        )),
        "unique_key_held" => Some(Failure::refused(
            "unique_key_held",
            format_args!(
                "another unfinished run holds the unique key of run `{}`",
                answer.id
            ),
        )),
        _ => None,
    });
    finish(answers, refused, output)
}

/// Queued runs of a workspace that the gate would deny for that reason now, and running ones that lost
/// their authority for it.
async fn cancellable(
    deployment: &Deployment,
    reason: ReasonCode,
    workspace: &WorkspaceId,
) -> Result<Vec<RunId>, Failure> {
    if !deployment.configured {
        let message =
            "without a configuration nobody knows what the operations need, see `--config`";
        return Err(Failure::bad_input(message).at_field("config"));
    }
    let of_status = |status| RunFilter {
        status: Some(status),
        workspace_id: Some(workspace.clone()),
        ..RunFilter::default()
    };
    let mut ids = Vec::new();
    let queued = all(deployment, &of_status(RunStatus::Queued)).await?;
    let preflight = Preflight::new(deployment.ports.clone(), deployment.config.catalog.clone());
    for page in queued.chunks(PAGE as usize) {
        let verdicts = preflight.check_runs(page).await?;
        ids.extend(
            page.iter()
                .zip(verdicts)
                .filter(|(_, verdict)| *verdict == Err(Refusal::Denied(reason)))
                .map(|(run, _)| run.id),
        );
    }
    let running = all(deployment, &of_status(RunStatus::Running)).await?;
    ids.extend(
        running
            .iter()
            .filter(|run| lost_for(run, reason))
            .map(|run| run.id),
    );
    Ok(ids)
}

fn lost_for(run: &OperationRun, reason: ReasonCode) -> bool {
    run.continuity
        .as_ref()
        .and_then(|text| serde_json::from_str::<ContinuityRecord>(text.as_str()).ok())
        .is_some_and(|record| record.reason_code == reason)
}

async fn all(
    deployment: &Deployment,
    filter: &RunFilter,
) -> Result<Vec<Arc<OperationRun>>, Failure> {
    let mut runs = Vec::new();
    let mut after = None;
    loop {
        let limit = u32::try_from(PAGE).unwrap_or(u32::MAX);
        let page = deployment
            .ports
            .runs()
            .list(filter, after, limit, ContextDetail::Omitted)
            .await?;
        runs.extend(page.runs.into_iter().map(Arc::new));
        after = page.next;
        if after.is_none() {
            return Ok(runs);
        }
    }
}

/// Who asks: as told, or the user that the command runs as.
fn who(words: &Bulk) -> Result<ActorName, Failure> {
    if let Some(by) = &words.by {
        return Ok(by.clone());
    }
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    ActorName::new(user.as_deref().unwrap_or("operator"))
        .map_err(|error| Failure::bad_input(error).at_field("by"))
}

/// Tells a queue that lives apart; what is lost here the sweeper restores.
async fn push(deployment: &Deployment, retried: &[Retried]) {
    if deployment.ports.runs().queue_upkeep() == QueueUpkeep::InCommit {
        return;
    }
    let entries: Vec<QueueEntry> = retried
        .iter()
        .filter_map(|retried| match retried {
            Retried::Created(entry) => Some(entry.clone()),
            Retried::Existing { .. }
            | Retried::NotCompleted
            | Retried::UniqueKeyHeld { .. }
            | Retried::NotFound => None,
        })
        .collect();
    if let Err(error) = deployment.ports.queue().push(&entries).await {
        tracing::warn!(%error, "the runs are queued, but the queue was not told; the sweeper tells it");
    }
}

fn told(id: RunId, result: &'static str) -> Told {
    Told {
        id,
        result,
        successor: None,
    }
}

fn successor(id: RunId, result: &'static str, successor: RunId) -> Told {
    Told {
        id,
        result,
        successor: Some(successor),
    }
}

fn tell_all(answers: impl Iterator<Item = Told>, output: Output) -> Result<ExitCode, Failure> {
    for answer in answers {
        if output.is_json() {
            output.object(&answer)?;
            continue;
        }
        let result = answer.result.replace('_', " ");
        match answer.successor {
            Some(successor) => output.line(format_args!("{}  {result}  {successor}", answer.id))?,
            None => output.line(format_args!("{}  {result}", answer.id))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What was done is told before what was refused.
fn finish(
    answers: Vec<Told>,
    refused: Option<Failure>,
    output: Output,
) -> Result<ExitCode, Failure> {
    tell_all(answers.into_iter(), output)?;
    match refused {
        Some(failure) => Err(failure),
        None => Ok(ExitCode::SUCCESS),
    }
}
