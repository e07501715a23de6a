//! `authority apply`, `show` and `log`.

use std::path::Path;
use std::process::ExitCode;

use countersign::domain::{ActorName, AuthorityChange, ScopeRevision, Timestamp};
use countersign::port::{LogEntry, LogQuery, ShowQuery};
use serde::Serialize;

use super::args::{AuthorityCommand, Globals};
use super::failure::Failure;
use super::lines::read_changes;
use super::output::{Output, counted};
use super::stores::Deployment;

pub(crate) async fn run(
    globals: &Globals,
    command: AuthorityCommand,
    output: Output,
) -> Result<ExitCode, Failure> {
    match command {
        AuthorityCommand::Apply { file, by } => apply(globals, &file, by, output).await,
        AuthorityCommand::Show {
            workspace,
            tenant,
            user,
        } => {
            let query = ShowQuery {
                workspace_id: workspace,
                tenant_id: tenant,
                user_id: user,
            };
            show(globals, &query, output).await
        }
        AuthorityCommand::Log {
            workspace,
            limit,
            before,
        } => {
            let query = LogQuery {
                workspace_id: workspace,
                before,
                limit,
            };
            log(globals, &query, output).await
        }
    }
}

async fn apply(
    globals: &Globals,
    file: &Path,
    by: Option<ActorName>,
    output: Output,
) -> Result<ExitCode, Failure> {
    #[derive(Serialize)]
    struct Told {
        applied: u64,
    }
    let mut changes = read_changes(file)?;
    for change in &mut changes {
        change.by = change.by.take().or_else(|| by.clone());
    }
    let deployment = Deployment::open(globals).await?;
    let bar = output.progress("applying changes", changes.len() as u64);
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    let applied = deployment.ports.authority().apply(&changes).await?;
    bar.finish_and_clear();
    if output.is_json() {
        output.object(&Told {
            applied: applied.changes,
        })?;
    } else {
        let changes = counted(applied.changes, "change");
        let scopes = counted(applied.raised.len() as u64, "workspace");
        output.line(format_args!("applied {changes}, touching {scopes}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(globals: &Globals, query: &ShowQuery, output: Output) -> Result<ExitCode, Failure> {
    let deployment = Deployment::open(globals).await?;
    let shown = deployment.ports.authority().show(query).await?;
    for change in &shown {
        output.object(change)?;
    }
    if shown.is_empty() && !output.is_json() {
        anstream::eprintln!("nothing is known of workspace `{}`", query.workspace_id);
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct ToldEntry<'a> {
    seq: u64,
    at: Timestamp,
    by: Option<&'a ActorName>,
    change: &'a AuthorityChange,
    raised: &'a [ScopeRevision],
}

/// Pages of the log, so that a long one is printed as it is read.
const PAGE: u32 = 1000;

async fn log(globals: &Globals, query: &LogQuery, output: Output) -> Result<ExitCode, Failure> {
    let deployment = Deployment::open(globals).await?;
    let mut page = LogQuery {
        limit: query.limit.min(PAGE),
        ..query.clone()
    };
    let mut left = query.limit;
    while left > 0 {
        page.limit = left.min(PAGE);
        let entries = deployment.ports.authority().log(&page).await?;
        for entry in &entries {
            print(entry, output)?;
        }
        let Some(last) = entries.last() else {
            break;
        };
        page.before = Some(last.seq);
        left = left.saturating_sub(u32::try_from(entries.len()).unwrap_or(u32::MAX));
    }
    Ok(ExitCode::SUCCESS)
}

fn print(entry: &LogEntry, output: Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.object(&ToldEntry {
            seq: entry.seq,
            at: entry.at,
            by: entry.by.as_ref(),
            change: &entry.change,
            raised: &entry.raised,
        });
    }
    let by = entry.by.as_ref().map_or("-", ActorName::as_str);
    let change = serde_json::to_string(&entry.change).unwrap_or_default();
    output.line(format_args!(
        "{:>6}  {}  {by}  {change}",
        entry.seq, entry.at
    ))
}
