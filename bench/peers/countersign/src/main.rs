//! Countersign, by its public API: the gate on, every decision kept, every run kept.

use std::process::ExitCode;
use std::sync::Arc;

use bench_peer::{Failure, Peer, Task, ended, entered};
use countersign::domain::{
    AttributedChange, Catalog, Operation, Submission, SubmittedContext, WorkerName,
};
use countersign::port::{QueueEntry, QueueUpkeep, Submitted};
use countersign::postgres::{PostgresStore, PostgresUrl};
use countersign::redis::{RedisStore, RedisUrl};
use countersign::sqlite::SqliteStore;
use countersign::{
    Execution, Handler, Ports, Progress, Report, Stop, Until, Worker, WorkerSettings,
};

/// How many handlers run at once.
const CONCURRENCY: usize = 6000;
/// How many runs are started in one commit at the most.
const BATCH: usize = 2000;
/// How many runs are submitted in one call.
const PAGE: usize = 1000;

/// What the one operation is allowed by.
const CHANGES: [&str; 4] = [
    r#"{"change":"define_role","role":"operator","capabilities":["inventory.sync"],"all_tenants":true}"#,
    r#"{"change":"set_workspace","workspace":"w","active":true}"#,
    r#"{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"active"}"#,
    r#"{"change":"grant","user":"u","workspace":"w","role":"operator"}"#,
];

fn main() -> ExitCode {
    bench_peer::main::<Countersign>(countersign::runtime())
}

struct Countersign {
    ports: Ports,
    submission: Submission,
}

impl Peer for Countersign {
    type Working = Arc<Progress>;

    async fn open(task: &Task) -> Result<Self, Failure> {
        let ports = ports(&task.store).await?;
        let changes = CHANGES.map(AttributedChange::parse);
        let changes = changes.into_iter().collect::<Result<Vec<_>, _>>()?;
        ports.authority().apply(&changes).await?;
        let submission = Submission {
            context: SubmittedContext::parse(r#"{"note":"nightly"}"#)?,
            ..Submission::new(
                "w".parse()?,
                "t".parse()?,
                "u".parse()?,
                "inventory_sync".parse()?,
            )
        };
        Ok(Self { ports, submission })
    }

    fn setting(&self) -> String {
        format!("concurrency {CONCURRENCY}, batch {BATCH}, submitted by {PAGE}")
    }

    async fn submit(&self, jobs: usize) -> Result<(), Failure> {
        let submissions = vec![self.submission.clone(); jobs];
        for page in submissions.chunks(PAGE) {
            submit(&self.ports, page).await?;
        }
        Ok(())
    }

    async fn submit_one(&self) -> Result<(), Failure> {
        submit(&self.ports, std::slice::from_ref(&self.submission)).await
    }

    async fn work(&self) -> Result<Arc<Progress>, Failure> {
        let operation =
            Operation::new("inventory_sync".parse()?).needing("inventory.sync".parse()?);
        let name = operation.name.clone();
        let settings = WorkerSettings {
            concurrency: CONCURRENCY,
            batch: BATCH,
            ..WorkerSettings::named(WorkerName::new("bench")?)
        };
        let worker =
            Worker::new(self.ports.clone(), Catalog::new([operation]), settings).handle(name, NoOp);
        let progress = worker.progress();
        tokio::spawn(async move { ended(worker.run(Until::Stopped, Stop::new()).await.map(drop)) });
        Ok(progress)
    }

    async fn has_recorded(
        &self,
        working: &mut Arc<Progress>,
        jobs: usize,
    ) -> Result<bool, Failure> {
        // Counted once the store has answered that they are completed.
        Ok(working.tally().succeeded >= jobs as u64)
    }
}

async fn ports(store: &str) -> Result<Ports, Failure> {
    if let Some(file) = store.strip_prefix("sqlite://") {
        return Ok(Ports::sqlite(&SqliteStore::create(file).await?)?);
    }
    if store.starts_with("redis://") {
        let url: RedisUrl = store.parse()?;
        return Ok(Ports::redis(&RedisStore::create(&url).await?)?);
    }
    let url: PostgresUrl = store.parse()?;
    Ok(Ports::postgres(&PostgresStore::create(&url).await?)?)
}

/// Submits a page, and queues it where the repository leaves that to its caller.
async fn submit(ports: &Ports, page: &[Submission]) -> Result<(), Failure> {
    let submitted = ports.runs().submit(page).await?;
    if ports.runs().queue_upkeep() == QueueUpkeep::Caller {
        let entries = page.iter().zip(&submitted).map(entry);
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        ports.queue().push(&entries).await?;
    }
    Ok(())
}

fn entry((submission, submitted): (&Submission, &Submitted)) -> Result<QueueEntry, Failure> {
    QueueEntry::submitted(submission, submitted)
        .ok_or_else(|| format!("not created: {submitted:?}").into())
}

struct NoOp;

#[async_trait::async_trait]
impl Handler for NoOp {
    async fn handle(&self, _execution: Execution) -> Report {
        entered();
        Report::succeeded()
    }
}
