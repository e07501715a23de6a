//! `submit`: one run, or a file of them.

use std::process::ExitCode;

use countersign::Preflight;
use countersign::domain::{FieldError, RunId, Submission};
use countersign::port::{QueueEntry, QueueUpkeep, Submitted};
use serde::Serialize;

use super::args::{Globals, Submit};
use super::failure::Failure;
use super::lines::read_lines;
use super::output::{Output, counted};
use super::stores::Deployment;

/// Runs queued in one commit.
const PAGE: usize = 1000;

pub(crate) async fn run(
    globals: &Globals,
    submit: Submit,
    output: Output,
) -> Result<ExitCode, Failure> {
    let lines = match &submit.file {
        Some(file) => read_lines(file, Submission::parse)?,
        None => vec![(
            0,
            of_words(&submit).map_err(|error| Failure::of_field(&error))?,
        )],
    };
    let deployment = Deployment::open(globals).await?;
    require_known(&deployment, &lines)?;
    if submit.preflight {
        preflight(&deployment, &lines).await?;
    }
    queue(&deployment, &lines, output).await
}

/// Single runs have no line.
fn located(failure: Failure, line: usize) -> Failure {
    if line == 0 {
        failure
    } else {
        failure.at_line(line)
    }
}

/// The words of the command line, read like a line of a file, so that both mean the same.
fn of_words(submit: &Submit) -> Result<Submission, FieldError> {
    let mut line = serde_json::Map::new();
    let mut put = |key: &str, value: &Option<String>| {
        if let Some(value) = value {
            line.insert(key.to_owned(), value.clone().into());
        }
    };
    put("workspace", &submit.workspace);
    put("tenant", &submit.tenant);
    put("user", &submit.user);
    put("type", &submit.operation);
    put("connection", &submit.connection);
    put("at", &submit.at);
    put("unique", &submit.unique);
    put("id", &submit.id);
    put("queue_name", &submit.queue_name);
    if submit.system {
        line.insert("system".to_owned(), true.into());
    }
    if let Some(priority) = &submit.priority {
        let number: i64 = priority.parse().map_err(|_| {
            FieldError::at(
                "priority",
                format!("`priority`: `{priority}` is not a whole number"),
            )
        })?;
        line.insert("priority".to_owned(), number.into());
    }
    let mut submission = Submission::parse(&serde_json::Value::Object(line).to_string())?;
    if let Some(context) = &submit.context {
        submission.context = countersign::domain::SubmittedContext::parse(context)
            .map_err(|error| FieldError::at("context", format!("`context`: {error}")))?;
    }
    Ok(submission)
}

/// A run of an operation that no catalog has would wait for ever.
fn require_known(deployment: &Deployment, lines: &[(usize, Submission)]) -> Result<(), Failure> {
    if !deployment.configured {
        return Ok(());
    }
    let unknown = lines
        .iter()
        .find(|(_, run)| deployment.config.catalog.get(&run.operation_type).is_none());
    match unknown {
        None => Ok(()),
        Some((line, run)) => {
            let names = deployment.config.catalog.names();
            let known = names
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ");
            let known = if known.is_empty() {
                "none at all".to_owned()
            } else {
                known
            };
            let problem = format!(
                "`{}` is not an operation of the configuration, which has {known}",
                run.operation_type
            );
            Err(located(Failure::bad_input(problem).at_field("type"), *line))
        }
    }
}

async fn preflight(deployment: &Deployment, lines: &[(usize, Submission)]) -> Result<(), Failure> {
    let preflight = Preflight::new(deployment.ports.clone(), deployment.config.catalog.clone());
    for page in lines.chunks(PAGE) {
        let submissions: Vec<Submission> = page.iter().map(|(_, run)| run.clone()).collect();
        let verdicts = preflight.check(&submissions).await?;
        for ((line, run), verdict) in page.iter().zip(verdicts) {
            if let Err(refusal) = verdict {
                let message = format!(
                    "the run of `{}` would be refused: {refusal}",
                    run.operation_type
                );
                return Err(located(Failure::refused(refusal.code(), message), *line));
            }
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Told {
    id: RunId,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    existing: bool,
    /// The id belongs to another run; nothing was queued for this line.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    id_taken: bool,
}

impl Told {
    fn of(id: RunId) -> Self {
        Self {
            id,
            existing: false,
            id_taken: false,
        }
    }
}

async fn queue(
    deployment: &Deployment,
    lines: &[(usize, Submission)],
    output: Output,
) -> Result<ExitCode, Failure> {
    let bar = output.progress("submitting", lines.len() as u64);
    let mut taken: Option<Failure> = None;
    let mut counts = (0_u64, 0_u64);
    for page in lines.chunks(PAGE) {
        let submissions: Vec<Submission> = page.iter().map(|(_, run)| run.clone()).collect();
        let submitted = deployment.ports.runs().submit(&submissions).await?;
        push(deployment, &submissions, &submitted).await;
        for ((line, _), submitted) in page.iter().zip(submitted) {
            let told = match submitted {
                Submitted::Created { id, .. } => {
                    counts.0 += 1;
                    Told::of(id)
                }
                Submitted::Existing { id } => {
                    counts.1 += 1;
                    Told {
                        existing: true,
                        ..Told::of(id)
                    }
                }
                Submitted::IdTaken { id } => {
                    let message = format!("the id `{id}` belongs to another run");
                    let failure = Failure::refused("id_taken", message).at_field("id");
                    taken.get_or_insert(located(failure, *line));
                    Told {
                        id_taken: true,
                        ..Told::of(id)
                    }
                }
            };
            if output.is_json() {
                output.object(&told)?;
            } else if lines.len() == 1 && !told.id_taken {
                let how = if told.existing {
                    "was queued before"
                } else {
                    "queued"
                };
                output.line(format_args!("{} {how}", told.id))?;
            }
        }
        bar.inc(page.len() as u64);
    }
    bar.finish_and_clear();
    if lines.len() != 1 && !output.is_json() {
        output.line(format_args!(
            "queued {}; {} had been queued before",
            counted(counts.0, "run"),
            counts.1
        ))?;
    }
    match taken {
        Some(failure) => Err(failure),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Tells a queue that lives apart; what is lost here the sweeper restores.
async fn push(deployment: &Deployment, submissions: &[Submission], submitted: &[Submitted]) {
    if deployment.ports.runs().queue_upkeep() == QueueUpkeep::InCommit {
        return;
    }
    let entries: Vec<QueueEntry> = submissions
        .iter()
        .zip(submitted)
        .filter_map(|(submission, submitted)| QueueEntry::submitted(submission, submitted))
        .collect();
    if let Err(error) = deployment.ports.queue().push(&entries).await {
        tracing::warn!(%error, "the runs are queued, but the queue was not told; the sweeper tells it");
    }
}
