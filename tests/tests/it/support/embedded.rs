//! Countersign embedded in this process: a store of its own and workers with handlers in Rust.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use countersign::{
    Execution, Handler, Ports, Report, Stop, Until, Worker, WorkerReport, WorkerSettings,
};
use countersign_domain::{
    AttributedChange, Catalog, DecisionRecord, Operation, OperationRun, RunId, RunStatus,
    Submission,
};
use countersign_ports::{
    AuthorityStore, ContextDetail, RunFilter, RunRepository, Submitted, UndecidedPolicy,
};
use countersign_sqlite::{Clock, SqliteStore};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::wait::{ended, until_async};

/// A store in a directory of its own, removed at the end.
pub(crate) struct Embedded {
    dir: TempDir,
    pub(crate) store: SqliteStore,
    pub(crate) ports: Ports,
}

impl Embedded {
    /// A store with this authority.
    pub(crate) async fn new(authority: &str) -> Self {
        Self::with_clock(authority, Clock::system()).await
    }

    /// The same, on a clock that the test moves.
    pub(crate) async fn with_clock(authority: &str, clock: Clock) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("store.db");
        SqliteStore::create(&path).await.unwrap().close().await;
        let store = SqliteStore::open_with(&path, clock).await.unwrap();
        let ports = Ports::sqlite(&store).unwrap();
        let embedded = Self { dir, store, ports };
        embedded.apply(authority).await;
        embedded
    }

    /// A second store in the same directory.
    pub(crate) async fn another_store(&self, name: &str) -> SqliteStore {
        SqliteStore::create(self.dir.path().join(name))
            .await
            .unwrap()
    }

    /// The same store with other ports in front of it.
    pub(crate) fn behind(self, ports: impl FnOnce(&SqliteStore) -> Ports) -> Self {
        Self {
            ports: ports(&self.store),
            ..self
        }
    }

    /// Applies authority changes, behind the back of any port in front.
    pub(crate) async fn apply(&self, lines: &str) {
        apply(&self.store.authority(), lines).await;
    }

    /// Queues one run of user 7 in workspace 1, tenant 4, with these further keys.
    pub(crate) async fn submit(&self, operation: &str) -> RunId {
        self.submit_with(operation, "").await
    }

    pub(crate) async fn submit_with(&self, operation: &str, keys: &str) -> RunId {
        self.submit_line(&format!(
            r#"{{"workspace":"1","tenant":"4","user":"7","type":"{operation}"{keys}}}"#
        ))
        .await
    }

    pub(crate) async fn submit_line(&self, line: &str) -> RunId {
        let submission = Submission::parse(line).unwrap();
        match self.ports.runs().submit(&[submission]).await.unwrap()[0] {
            Submitted::Created { id, .. } => id,
            ref other => panic!("{other:?}"),
        }
    }

    /// A run as it is on record.
    pub(crate) async fn run(&self, id: RunId) -> OperationRun {
        let found = self.store.runs().find(&[id]).await.unwrap().remove(0);
        found.expect("a run")
    }

    /// Every run, newest first.
    pub(crate) async fn runs(&self) -> Vec<OperationRun> {
        let page = self
            .store
            .runs()
            .list(&RunFilter::default(), None, 10_000, ContextDetail::Full)
            .await
            .unwrap();
        page.runs
    }

    /// The successor of a run, where it has one.
    pub(crate) async fn successor(&self, id: RunId) -> Option<OperationRun> {
        let runs = self.runs().await;
        runs.into_iter().find(|run| run.retry_of == Some(id))
    }

    /// The runs of a chain, by attempt.
    pub(crate) async fn chain(&self, id: RunId) -> Vec<OperationRun> {
        let mut chain = self.runs().await;
        chain.retain(|run| run.chain_id == id);
        chain.sort_by_key(|run| run.attempt);
        chain
    }

    /// Waits until every run of a chain is completed.
    pub(crate) async fn when_chain_ended(&self, id: RunId) {
        until_async("the chain has ended", async || {
            let chain = self.chain(id).await;
            let is_completed = |run: &OperationRun| run.status == RunStatus::Completed;
            chain.iter().all(is_completed).then_some(())
        })
        .await;
    }

    /// Waits until the run is completed.
    pub(crate) async fn completed(&self, id: RunId) -> OperationRun {
        self.when(id, "the run is completed", |run| {
            run.status == RunStatus::Completed
        })
        .await
    }

    /// Waits until the run stands so.
    pub(crate) async fn when(
        &self,
        id: RunId,
        what: &str,
        stands: impl Fn(&OperationRun) -> bool,
    ) -> OperationRun {
        until_async(what, async || Some(self.run(id).await).filter(&stands)).await
    }

    /// A worker over these ports that is quick to notice things.
    pub(crate) fn worker(&self, operations: impl IntoIterator<Item = Operation>) -> Worker {
        self.worker_with(operations, |settings| settings)
    }

    pub(crate) fn worker_with(
        &self,
        operations: impl IntoIterator<Item = Operation>,
        change: impl FnOnce(WorkerSettings) -> WorkerSettings,
    ) -> Worker {
        let settings = WorkerSettings {
            concurrency: 8,
            lease_for: Duration::from_secs(3),
            cancel_grace: Duration::from_millis(300),
            poll_every: Duration::from_millis(20),
            sweep_every: Duration::from_millis(50),
            undecided: UndecidedPolicy {
                first_wait: Duration::from_millis(20),
                longest_wait: Duration::from_millis(50),
                ..UndecidedPolicy::default()
            },
            ..WorkerSettings::named("worker-1".parse().unwrap())
        };
        let catalog = Catalog::new(operations);
        Worker::new(self.ports.clone(), catalog, change(settings))
    }
}

/// Applies authority changes, one a line.
pub(crate) async fn apply(authority: &dyn AuthorityStore, lines: &str) {
    let changes: Vec<AttributedChange> = lines
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| AttributedChange::parse(line).unwrap())
        .collect();
    authority.apply(&changes).await.unwrap();
}

/// An operation of this name that needs the capability to sync.
pub(crate) fn operation(name: &str) -> Operation {
    let mut operation =
        Operation::new(name.parse().unwrap()).needing("inventory.sync".parse().unwrap());
    operation.retry.backoff = Duration::from_millis(1);
    operation
}

/// A run's decision, which it must have.
pub(crate) fn decision(run: &OperationRun) -> DecisionRecord {
    run.decision_record().unwrap().expect("a decision")
}

/// A handler made of a function.
pub(crate) struct Handle<F>(pub(crate) F);

#[async_trait]
impl<F, Fut> Handler for Handle<F>
where
    F: Fn(Execution) -> Fut + Send + Sync,
    Fut: Future<Output = Report> + Send,
{
    async fn handle(&self, execution: Execution) -> Report {
        (self.0)(execution).await
    }
}

/// A worker that is working in this process.
pub(crate) struct Working {
    pub(crate) stop: Stop,
    task: JoinHandle<WorkerReport>,
}

impl Working {
    pub(crate) fn start(worker: Worker) -> Self {
        let stop = Stop::new();
        let told = stop.clone();
        let task = tokio::spawn(async move { worker.run(Until::Stopped, told).await.unwrap() });
        Self { stop, task }
    }

    /// Lets what it runs end.
    pub(crate) async fn drain(self) -> WorkerReport {
        self.stop.drain();
        ended("the worker drains", self.task).await.unwrap()
    }

    /// Has it stop what it runs.
    pub(crate) async fn stop_now(self) -> WorkerReport {
        self.stop.now();
        ended("the worker stops", self.task).await.unwrap()
    }
}

/// Works off what is queued and due.
pub(crate) async fn drained(worker: Worker) -> WorkerReport {
    let drain = worker.run(Until::Drained, Stop::new());
    ended("the worker drains", drain).await.unwrap()
}
