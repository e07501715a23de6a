//! `demo`: the whole story on a throwaway store.

use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use countersign::domain::{
    AttributedChange, Catalog, Operation, OperationRun, ReasonCode, RunId, RunOutcome, RunStatus,
    Submission, WorkerName,
};
use countersign::port::{AuthorityStore, ContextDetail, RunFilter, RunRepository};
use countersign::sqlite::SqliteStore;
use countersign::{
    Execution, Explanation, Handler, Ports, Report, Stop, Until, Worker, WorkerReport,
    WorkerSettings,
};
use serde::Serialize;

use super::args::Demo;
use super::failure::Failure;
use super::output::{Output, bold, outcome_style, styled};
use super::runs::explain;

const USERS: u32 = 20;
const TENANTS: [&str; 4] = ["berlin", "lagos", "osaka", "quito"];

/// Who may do what when the runs are queued.
fn before() -> Vec<String> {
    let mut lines = vec![
        r#"{"change":"define_role","role":"member","capabilities":[],"all_tenants":false}"#.to_owned(),
        r#"{"change":"define_role","role":"operator","capabilities":["inventory.sync","restore.execute"],"all_tenants":false}"#.to_owned(),
        r#"{"change":"define_role","role":"viewer","capabilities":[],"all_tenants":false}"#.to_owned(),
        r#"{"change":"set_workspace","workspace":"acme","active":true}"#.to_owned(),
    ];
    lines.extend(TENANTS.iter().map(|tenant| {
        format!(r#"{{"change":"set_tenant","tenant":"{tenant}","workspace":"acme","lifecycle":"active"}}"#)
    }));
    for user in 1..=USERS {
        lines.push(format!(
            r#"{{"change":"grant","user":"user-{user:02}","workspace":"acme","role":"member"}}"#
        ));
        lines.extend(TENANTS.iter().map(|tenant| {
            format!(r#"{{"change":"grant","user":"user-{user:02}","workspace":"acme","tenant":"{tenant}","role":"operator"}}"#)
        }));
    }
    lines
}

/// What changes while the runs wait, and in which words it is told.
const MEANWHILE: [(&str, &[&str]); 5] = [
    (
        "user-03 becomes a viewer in berlin",
        &[
            r#"{"change":"revoke","user":"user-03","workspace":"acme","tenant":"berlin","role":"operator","by":"alice"}"#,
            r#"{"change":"grant","user":"user-03","workspace":"acme","tenant":"berlin","role":"viewer","by":"alice"}"#,
        ],
    ),
    (
        "user-07 leaves the company",
        &[r#"{"change":"set_user","user":"user-07","active":false,"by":"hr"}"#],
    ),
    (
        "user-11 leaves the team in osaka",
        &[
            r#"{"change":"revoke","user":"user-11","workspace":"acme","tenant":"osaka","role":"operator","by":"alice"}"#,
        ],
    ),
    (
        "lagos goes into a change freeze",
        &[
            r#"{"change":"set_write_gate","workspace":"acme","tenant":"lagos","open":false,"reason":"change freeze","by":"release"}"#,
        ],
    ),
    (
        "quito is suspended",
        &[
            r#"{"change":"set_tenant","tenant":"quito","workspace":"acme","lifecycle":"suspended","by":"billing"}"#,
        ],
    ),
];

/// Notes every run that it is entered for: the witness that blocked runs never start.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<HashSet<RunId>>>);

#[async_trait]
impl Handler for Witness {
    async fn handle(&self, execution: Execution) -> Report {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(execution.run_id());
        Report::succeeded()
    }
}

pub(crate) async fn run(demo: &Demo, output: Output) -> Result<ExitCode, Failure> {
    let dir = tempfile::tempdir().map_err(|error| {
        Failure::failed("demo", "a directory for the store cannot be made").caused_by(&error)
    })?;
    let path = dir.path().join("demo.db");
    let store = SqliteStore::create(&path).await?;
    let told = tell_story(demo, &store, output).await;
    store.close().await;
    told
}

async fn tell_story(demo: &Demo, store: &SqliteStore, output: Output) -> Result<ExitCode, Failure> {
    let chapter = |text: String| {
        if output.is_json() {
            Ok(())
        } else {
            output.line(styled(bold(), text))
        }
    };
    let aside = |text: String| {
        if output.is_json() {
            Ok(())
        } else {
            output.line(format_args!("   {text}"))
        }
    };
    let ports = Ports::sqlite(store).map_err(Failure::bad_input)?;

    chapter("1. Somebody is allowed".to_owned())?;
    apply(store, &before()).await?;
    aside(format!(
        "{USERS} users are operators of {} tenants in workspace acme",
        TENANTS.len()
    ))?;

    chapter("2. They queue work".to_owned())?;
    let submissions: Vec<Submission> = (0..demo.runs).map(submission).collect::<Result<_, _>>()?;
    for page in submissions.chunks(1000) {
        store.runs().submit(page).await?;
    }
    aside(format!(
        "{} runs of inventory_sync and restore.execute are queued, all authorised",
        demo.runs
    ))?;

    chapter("3. Before a worker comes, things change".to_owned())?;
    for (words, changes) in MEANWHILE {
        let lines: Vec<String> = changes.iter().map(|line| (*line).to_owned()).collect();
        apply(store, &lines).await?;
        aside(words.to_owned())?;
    }

    chapter("4. A worker drains the queue, and the gate asks again".to_owned())?;
    let witness = Witness::default();
    let report = work(&ports, &witness).await?;
    let runs = all(store).await?;
    let entered = witness
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let tally = tally(&runs);
    if !output.is_json() {
        table(&tally, output)?;
    }

    let blocked: Vec<&OperationRun> = runs
        .iter()
        .filter(|run| run.outcome == RunOutcome::Blocked)
        .collect();
    let started = blocked
        .iter()
        .filter(|run| entered.contains(&run.id) || run.started_at.is_some())
        .count();
    chapter("5. Why was this one blocked?".to_owned())?;
    // The one that teaches most: somebody lost a role.
    let telling = blocked.iter().find(|run| {
        let record = run.decision_record().ok().flatten();
        record.is_some_and(|record| record.reason_code == Some(ReasonCode::MissingCapability))
    });
    let explanation = match telling.or(blocked.first()) {
        Some(run) => Some(countersign::explain(&ports, &catalog()?, (*run).clone()).await?),
        None => None,
    };
    if let Some(explanation) = &explanation
        && !output.is_json()
    {
        explain::tell(explanation, output)?;
    }

    chapter("6. The proof".to_owned())?;
    aside(format!(
        "{} handlers were entered, {} runs were blocked, {started} of those were entered or have a start time",
        entered.len(),
        blocked.len(),
    ))?;
    if output.is_json() {
        tell_json(
            demo,
            &report,
            tally,
            &entered,
            blocked.len(),
            started,
            explanation.as_ref(),
            output,
        )?;
    }
    let held = started == 0
        && entered.len() as u64 == report.tally.started
        && entered.len() + blocked.len() == runs.len();
    if held {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure::failed(
            "demo",
            "a blocked run was started: this must never happen",
        ))
    }
}

async fn apply(store: &SqliteStore, lines: &[String]) -> Result<(), Failure> {
    let changes: Vec<AttributedChange> = lines
        .iter()
        .map(|line| AttributedChange::parse(line))
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::of_field(&error))?;
    store.authority().apply(&changes).await?;
    Ok(())
}

fn submission(number: u32) -> Result<Submission, Failure> {
    let user = number % USERS + 1;
    let tenant = TENANTS
        .get((number / USERS) as usize % TENANTS.len())
        .unwrap_or(&"berlin");
    let operation = if number.is_multiple_of(3) {
        "restore.execute"
    } else {
        "inventory_sync"
    };
    let line = format!(
        r#"{{"workspace":"acme","tenant":"{tenant}","user":"user-{user:02}","type":"{operation}"}}"#
    );
    Submission::parse(&line).map_err(|error| Failure::of_field(&error))
}

fn catalog() -> Result<Catalog, Failure> {
    let operation = |name: &str, capability: &str| {
        Ok(Operation::new(name.parse()?).needing(capability.parse()?))
    };
    let refused = |error: countersign::domain::IdError| Failure::bad_input(error);
    Ok(Catalog::new([
        operation("inventory_sync", "inventory.sync").map_err(refused)?,
        operation("restore.execute", "restore.execute")
            .map_err(refused)?
            .writing(),
    ]))
}

async fn work(ports: &Ports, witness: &Witness) -> Result<WorkerReport, Failure> {
    let catalog = catalog()?;
    let name = WorkerName::new("demo").map_err(Failure::bad_input)?;
    let settings = WorkerSettings {
        concurrency: 100,
        ..WorkerSettings::named(name)
    };
    let operations = catalog.names();
    let mut worker = Worker::new(ports.clone(), catalog, settings);
    for operation in operations {
        worker = worker.handle(operation, witness.clone());
    }
    Ok(worker.run(Until::Drained, Stop::new()).await?)
}

async fn all(store: &SqliteStore) -> Result<Vec<OperationRun>, Failure> {
    let filter = RunFilter {
        status: Some(RunStatus::Completed),
        ..RunFilter::default()
    };
    let (mut runs, mut after) = (Vec::new(), None);
    loop {
        let page = store
            .runs()
            .list(&filter, after, 1000, ContextDetail::Full)
            .await?;
        runs.extend(page.runs);
        after = page.next;
        if after.is_none() {
            return Ok(runs);
        }
    }
}

/// How many runs came to what, and why.
fn tally(runs: &[OperationRun]) -> BTreeMap<(RunOutcome, &'static str), usize> {
    let mut tally = BTreeMap::new();
    for run in runs {
        let record = run.decision_record().ok().flatten();
        let reason = record
            .and_then(|record| record.reason_code)
            .map_or("", |code| code.as_str());
        *tally.entry((run.outcome, reason)).or_default() += 1;
    }
    tally
}

fn table(
    tally: &BTreeMap<(RunOutcome, &'static str), usize>,
    output: Output,
) -> Result<(), Failure> {
    let rows = tally
        .iter()
        .map(|((outcome, reason), count)| {
            vec![
                styled(outcome_style(*outcome), outcome),
                (*reason).to_owned(),
                format!("{count:>5}"),
            ]
        })
        .collect();
    output.table(&[" OUTCOME", "REASON", " RUNS"], rows)
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of the one object that is printed"
)]
fn tell_json(
    demo: &Demo,
    report: &WorkerReport,
    tally: BTreeMap<(RunOutcome, &'static str), usize>,
    entered: &HashSet<RunId>,
    blocked: usize,
    blocked_started: usize,
    explained: Option<&Explanation>,
    output: Output,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Told {
        submitted: u32,
        started: u64,
        succeeded: u64,
        blocked: usize,
        blocked_by_reason: BTreeMap<&'static str, usize>,
        handlers_entered: usize,
        blocked_that_started: usize,
        explained: Option<RunId>,
    }
    output.object(&Told {
        submitted: demo.runs,
        started: report.tally.started,
        succeeded: report.tally.succeeded,
        blocked,
        blocked_by_reason: tally
            .into_iter()
            .filter(|((outcome, _), _)| *outcome == RunOutcome::Blocked)
            .map(|((_, reason), count)| (reason, count))
            .collect(),
        handlers_entered: entered.len(),
        blocked_that_started: blocked_started,
        explained: explained.map(|explanation| explanation.run.id),
    })
}
