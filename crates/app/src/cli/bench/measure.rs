//! The measuring: one thing after the other, with handlers that do nothing.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use countersign::domain::{
    AttributedChange, Catalog, IdError, Operation, OperationType, Submission, WorkerName,
};
use countersign::port::{PortError, QueueEntry, QueueUpkeep};
use countersign::{
    Execution, Handler, Ports, Progress, Report, Stop, Until, Worker, WorkerReport, WorkerSettings,
};
use indicatif::ProgressBar;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::Figures;
use crate::cli::failure::Failure;
use crate::cli::output::Output;

const WORKSPACE: &str = "bench";
const TENANT: &str = "bench";
const OPERATION: &str = "bench";

/// What the measured runs are allowed by.
const AUTHORITY: [&str; 4] = [
    r#"{"change":"define_role","role":"bench","capabilities":["bench"],"all_tenants":true}"#,
    r#"{"change":"set_workspace","workspace":"bench","active":true}"#,
    r#"{"change":"set_tenant","tenant":"bench","workspace":"bench","lifecycle":"active"}"#,
    r#"{"change":"grant","user":"bench","workspace":"bench","role":"bench"}"#,
];

/// Takes nothing from the runs, so that they go on.
const GRANT: &str = r#"{"change":"grant","user":"leaver","workspace":"bench","role":"bench"}"#;
const REVOKE: &str = r#"{"change":"revoke","user":"leaver","workspace":"bench","role":"bench"}"#;

/// Runs submitted in one commit.
const PAGE: usize = 1000;

/// How often a start is timed.
const STARTS: u64 = 200;

/// How long to wait between two changes.
const PAUSE: Duration = Duration::from_millis(20);

/// Longer than any start takes: a worker that does not come to a run for so long does not work.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where it is measured, and who may end it.
pub(super) struct Bed {
    ports: Ports,
    stop: Stop,
    output: Output,
}

impl Bed {
    pub(super) fn new(ports: Ports, stop: Stop, output: Output) -> Self {
        Self {
            ports,
            stop,
            output,
        }
    }

    pub(super) async fn measure(&self, runs: u32) -> Result<Figures, Failure> {
        self.apply(&AUTHORITY).await?;
        let submitted_per_second = self.submit("submitting", runs).await?;
        let drained_per_second = self.drain(runs).await?;
        let start = self.starts().await?;
        self.submit("submitting again", runs).await?;
        let (revocation, started_per_second_meanwhile) = self.revocations(runs).await?;
        Ok(Figures {
            submitted_per_second,
            drained_per_second,
            start,
            revocation,
            started_per_second_meanwhile,
        })
    }

    /// Runs a second.
    async fn submit(&self, what: &'static str, runs: u32) -> Result<f64, Failure> {
        let bar = self.output.progress(what, u64::from(runs));
        let begun = Instant::now();
        let mut left = runs as usize;
        while left > 0 {
            self.go_on()?;
            let page = vec![submission()?; left.min(PAGE)];
            self.queue(&page).await?;
            left -= page.len();
            bar.inc(page.len() as u64);
        }
        bar.finish_and_clear();
        Ok(per_second(runs, begun))
    }

    async fn queue(&self, page: &[Submission]) -> Result<(), Failure> {
        let submitted = self.ports.runs().submit(page).await?;
        if self.ports.runs().queue_upkeep() == QueueUpkeep::Caller {
            let entries: Vec<QueueEntry> = (page.iter().zip(submitted))
                .filter_map(|(submission, submitted)| QueueEntry::submitted(submission, &submitted))
                .collect();
            self.ports.queue().push(&entries).await?;
        }
        Ok(())
    }

    /// Runs a second.
    async fn drain(&self, runs: u32) -> Result<f64, Failure> {
        let begun = Instant::now();
        let worker = self.worker("bench", NoOp, &self.stop, Until::Drained)?;
        let drained = self.watch("draining", runs, worker).await?;
        if drained.tally.succeeded != u64::from(runs) {
            self.go_on()?;
            let succeeded = drained.tally.succeeded;
            let message = format_args!("of {runs} runs {succeeded} succeeded");
            return Err(Failure::failed("bench", message));
        }
        Ok(per_second(runs, begun))
    }

    /// From submitting a run to entering its handler.
    async fn starts(&self) -> Result<Vec<Duration>, Failure> {
        let bar = self.output.progress("starting one by one", STARTS);
        let (entered, mut entries) = mpsc::unbounded_channel();
        let stop = Stop::new();
        let (worker, _) = self.worker("bench", Tell(entered), &stop, Until::Stopped)?;
        let mut took = Vec::new();
        for _ in 0..STARTS {
            self.go_on()?;
            let begun = Instant::now();
            self.queue(&[submission()?]).await?;
            let entry = tokio::time::timeout(PATIENCE, entries.recv()).await;
            let entered = entry.ok().flatten().ok_or_else(|| {
                Failure::failed("bench", "a worker that was idle started nothing for 30 s")
            })?;
            took.push(entered.saturating_duration_since(begun));
            bar.inc(1);
        }
        bar.finish_and_clear();
        stop.drain();
        ended(worker).await?;
        Ok(took)
    }

    /// How long revocations take while two workers start runs, and how many they start a second.
    async fn revocations(&self, runs: u32) -> Result<(Vec<Duration>, f64), Failure> {
        let begun = Instant::now();
        let mut workers = Vec::new();
        for name in ["one", "other"] {
            let (worker, _) = self.worker(name, NoOp, &self.stop, Until::Drained)?;
            workers.push(worker);
        }
        let mut took = Vec::new();
        while !workers.iter().any(AbortOnDropHandle::is_finished) {
            self.apply(&[GRANT]).await?;
            tokio::time::sleep(PAUSE).await;
            let revoking = Instant::now();
            self.apply(&[REVOKE]).await?;
            took.push(revoking.elapsed());
        }
        for worker in workers {
            ended(worker).await?;
        }
        self.go_on()?;
        Ok((took, per_second(runs, begun)))
    }

    async fn apply(&self, lines: &[&str]) -> Result<(), Failure> {
        let changes: Vec<AttributedChange> = lines
            .iter()
            .map(|line| AttributedChange::parse(line).map_err(Failure::bad_input))
            .collect::<Result<_, _>>()?;
        self.ports.authority().apply(&changes).await?;
        Ok(())
    }

    /// A worker with room for large batches, at work.
    fn worker(
        &self,
        name: &str,
        handler: impl Handler + 'static,
        stop: &Stop,
        until: Until,
    ) -> Result<Working, Failure> {
        let operation: OperationType = named(OPERATION)?;
        let capability = named("bench")?;
        let settings = WorkerSettings {
            concurrency: 6000,
            batch: 2000,
            ..WorkerSettings::named(named::<WorkerName>(name)?)
        };
        let catalog = Catalog::new([Operation::new(operation.clone()).needing(capability)]);
        let worker = Worker::new(self.ports.clone(), catalog, settings).handle(operation, handler);
        let progress = worker.progress();
        let running = tokio::spawn(worker.run(until, stop.clone()));
        Ok((AbortOnDropHandle::new(running), progress))
    }

    /// Waits for a worker, and shows how far it is.
    async fn watch(
        &self,
        what: &'static str,
        runs: u32,
        (worker, progress): Working,
    ) -> Result<WorkerReport, Failure> {
        let bar: ProgressBar = self.output.progress(what, u64::from(runs));
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let worker = ended(worker);
        tokio::pin!(worker);
        let report = loop {
            tokio::select! {
                report = &mut worker => break report,
                _ = tick.tick() => bar.set_position(progress.tally().completed()),
            }
        };
        bar.finish_and_clear();
        report
    }

    /// An error once somebody has asked to stop.
    fn go_on(&self) -> Result<(), Failure> {
        match self.stop.is_draining() {
            true => Err(Failure::failed(
                "interrupted",
                "interrupted before everything was measured; nothing is left behind",
            )),
            false => Ok(()),
        }
    }
}

/// A worker at work, and what it has done so far. It ends with its handle.
type Working = (
    AbortOnDropHandle<Result<WorkerReport, PortError>>,
    Arc<Progress>,
);

async fn ended(
    worker: AbortOnDropHandle<Result<WorkerReport, PortError>>,
) -> Result<WorkerReport, Failure> {
    let report = worker
        .await
        .map_err(|error| Failure::failed("bench", "a worker ended early").caused_by(&error))?;
    Ok(report?)
}

fn per_second(runs: u32, begun: Instant) -> f64 {
    f64::from(runs) / begun.elapsed().as_secs_f64()
}

struct NoOp;

#[async_trait]
impl Handler for NoOp {
    async fn handle(&self, _execution: Execution) -> Report {
        Report::succeeded()
    }
}

/// Tells when it was entered.
struct Tell(mpsc::UnboundedSender<Instant>);

#[async_trait]
impl Handler for Tell {
    async fn handle(&self, _execution: Execution) -> Report {
        // Nobody listens any more once everything is measured.
        let _told = self.0.send(Instant::now());
        Report::succeeded()
    }
}

fn submission() -> Result<Submission, Failure> {
    Ok(Submission::new(
        named(WORKSPACE)?,
        named(TENANT)?,
        named("bench")?,
        named(OPERATION)?,
    ))
}

fn named<T: FromStr<Err = IdError>>(id: &str) -> Result<T, Failure> {
    id.parse().map_err(Failure::bad_input)
}
