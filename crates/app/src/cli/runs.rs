//! `runs list`, `show`, `explain`, `cancel` and `retry`.

use std::process::ExitCode;

use countersign::domain::{OperationRun, RunId, UserId};
use countersign::port::{ContextDetail, RunCursor, RunFilter};

use super::args::{Globals, List, RunsCommand};
use super::failure::Failure;
use super::output::{Output, outcome_style, styled};
use super::stores::Deployment;

mod bulk;
pub(super) mod explain;

/// Runs read at once.
const PAGE: u64 = 500;

pub(crate) async fn run(
    globals: &Globals,
    command: RunsCommand,
    output: Output,
) -> Result<ExitCode, Failure> {
    let deployment = Deployment::open(globals).await?;
    match command {
        RunsCommand::List(words) => list(&deployment, &words, output).await,
        RunsCommand::Show { ids } => show(&deployment, &ids, output).await,
        RunsCommand::Explain { ids } => explain::explain(&deployment, &ids, output).await,
        RunsCommand::Cancel(words) => bulk::cancel(&deployment, &words, output).await,
        RunsCommand::Retry(words) => bulk::retry(&deployment, &words, output).await,
    }
}

/// The runs with these ids, in that order.
async fn found(deployment: &Deployment, ids: &[RunId]) -> Result<Vec<OperationRun>, Failure> {
    let found = deployment.ports.runs().find(ids).await?;
    ids.iter()
        .zip(found)
        .map(|(id, run)| {
            run.ok_or_else(|| Failure::not_found(format_args!("there is no run `{id}`")))
        })
        .collect()
}

async fn show(deployment: &Deployment, ids: &[RunId], output: Output) -> Result<ExitCode, Failure> {
    for run in found(deployment, ids).await? {
        if output.is_json() {
            output.object(&run)?;
        } else {
            let text = serde_json::to_string_pretty(&run).map_err(|error| {
                Failure::failed("unprintable", "the run cannot be written").caused_by(&error)
            })?;
            output.line(text)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(deployment: &Deployment, words: &List, output: Output) -> Result<ExitCode, Failure> {
    let filter = RunFilter {
        status: words.status,
        outcome: words.outcome,
        reason: words.reason,
        workspace_id: words.workspace.clone(),
        tenant_id: words.tenant.clone(),
    };
    let detail = if words.no_context || !output.is_json() {
        ContextDetail::Omitted
    } else {
        ContextDetail::Full
    };
    let mut after = match &words.after {
        Some(text) => Some(cursor(deployment, text).await?),
        None => None,
    };
    let mut left = words.limit;
    let mut rows = Vec::new();
    let mut more = None;
    while left > 0 {
        let limit = u32::try_from(left.min(PAGE)).unwrap_or(u32::MAX);
        let page = deployment
            .ports
            .runs()
            .list(&filter, after, limit, detail)
            .await?;
        left -= page.runs.len() as u64;
        more = page.next.map(|cursor| cursor.id);
        for run in page.runs {
            if output.is_json() {
                output.object(&run)?;
            } else {
                rows.push(row(&run));
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if !output.is_json() {
        output.table(
            &[
                "ID",
                "TYPE",
                "WORKSPACE/TENANT",
                "INITIATOR",
                "STATUS",
                "OUTCOME",
                "REASON",
                "QUEUED AT",
            ],
            rows,
        )?;
        if let Some(last) = more {
            output.line(format_args!("more: --after {last}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A cursor is the id of the last run seen.
async fn cursor(deployment: &Deployment, text: &str) -> Result<RunCursor, Failure> {
    let id: RunId = text.parse().map_err(|error| {
        Failure::bad_input(format_args!("`--after`: {error}")).at_field("after")
    })?;
    let run = found(deployment, &[id]).await?.into_iter().next();
    run.map(|run| RunCursor {
        queued_at: run.queued_at,
        id: run.id,
    })
    .ok_or_else(|| Failure::not_found(format_args!("there is no run `{id}`")))
}

fn row(run: &OperationRun) -> Vec<String> {
    let reason = run
        .decision_record()
        .ok()
        .flatten()
        .and_then(|record| record.reason_code);
    vec![
        run.id.to_string(),
        run.operation_type.to_string(),
        format!("{}/{}", run.workspace_id, run.tenant_id),
        run.initiator
            .as_ref()
            .map_or_else(|| "(system)".to_owned(), UserId::to_string),
        run.status.to_string(),
        styled(outcome_style(run.outcome), run.outcome),
        reason.map(|reason| reason.to_string()).unwrap_or_default(),
        run.queued_at.to_string(),
    ]
}
