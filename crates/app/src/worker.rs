//! The worker: receives what is due, passes it through the gate, enters handlers, completes runs.
//!
//! | task | what it does |
//! |---|---|
//! | [`receive`] | takes due runs off the queue, as many as there are free slots, and loads them |
//! | [`start`] | passes them through the gate and enters their handlers |
//! | [`execute`] | one task a run: the handler, its timeout, its cancellation, its panics |
//! | [`complete`] | completes runs, as many as have ended, in one call |
//! | [`renew`] | renews leases and judges every running run again (G7) |
//! | [`closed`] | the store is moving house: nothing more is received |
//! | [`sweep`] | one elected worker rescues lapsed leases and restores lost queue entries (G5) |

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::{Catalog, LeaseId, OperationType, QueueName, WorkerName};
use countersign_ports::{
    Backlog, BacklogQuery, PortError, PortErrorKind, RetryClass, UndecidedPolicy, fresh_lease_id,
};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::{Gate, GateTerms, Handler, Ports};

mod closed;
mod complete;
mod execute;
mod progress;
mod receive;
mod renew;
mod running;
mod start;
mod stop;
mod sweep;

pub use progress::{Progress, Tally};
pub use stop::Stop;

use closed::Closed;
use running::Running;

/// How often a worker that has ended asks what is left, of a store that fails for now.
const LAST_ATTEMPTS: u32 = 6;

/// How a worker works. Every field has a sensible default.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Its name in records and leases.
    pub name: WorkerName,
    /// The queue it serves.
    pub queue_name: QueueName,
    /// How many handlers run at once. 16 unless told.
    pub concurrency: usize,
    /// How many runs are started in one commit at the most. 500 unless told.
    pub batch: usize,
    /// How long a lease is; it is renewed every third of that. 30 s unless told.
    pub lease_for: Duration,
    /// How long a handler may take to end once its token is cancelled. 10 s unless told.
    pub cancel_grace: Duration,
    /// How often the queue is looked at when no hint comes. 500 ms unless told.
    pub poll_every: Duration,
    /// How often the elected sweeper sweeps. 2 s unless told.
    pub sweep_every: Duration,
    /// What to do about authority that cannot be read (G6).
    pub undecided: UndecidedPolicy,
}

impl WorkerSettings {
    /// The defaults, under that name.
    #[must_use]
    pub fn named(name: WorkerName) -> Self {
        Self {
            name,
            queue_name: QueueName::standard(),
            concurrency: 16,
            batch: 500,
            lease_for: Duration::from_secs(30),
            cancel_grace: Duration::from_secs(10),
            poll_every: Duration::from_millis(500),
            sweep_every: Duration::from_secs(2),
            undecided: UndecidedPolicy::default(),
        }
    }
}

/// When a worker stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Not before it is told to.
    Stopped,
    /// When nothing that it knows is queued and due, and nothing of its own runs.
    Drained,
}

/// What a worker leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerReport {
    /// What it did.
    pub tally: Tally,
    /// What it left, as of its end.
    pub left: Backlog,
}

/// Runs due runs. Made by [`Worker::new`], taught by [`Worker::handle`], started by [`Worker::run`].
pub struct Worker {
    ports: Ports,
    catalog: Catalog,
    settings: WorkerSettings,
    handlers: HashMap<OperationType, Arc<dyn Handler>>,
    progress: Arc<Progress>,
}

impl Worker {
    /// A worker over these ports that knows no operation yet.
    #[must_use]
    pub fn new(ports: Ports, catalog: Catalog, settings: WorkerSettings) -> Self {
        let progress = Arc::new(Progress::default());
        Self {
            ports,
            catalog,
            settings,
            handlers: HashMap::new(),
            progress,
        }
    }

    /// Teaches it to do the work of an operation. Operations without catalog entry or without handler
    /// are left in the queue.
    #[must_use]
    pub fn handle(mut self, operation: OperationType, handler: impl Handler + 'static) -> Self {
        self.handlers.insert(operation, Arc::new(handler));
        self
    }

    /// What it has done so far; to be watched while it runs.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Works until it is stopped, or drained.
    ///
    /// # Errors
    /// [`PortError`] when a store refuses what can never work; passing faults are waited out. Where
    /// everything moves into another store ([`PortErrorKind::Sealed`]) it lets what it runs end first;
    /// its text names the other store.
    pub async fn run(self, until: Until, stop: Stop) -> Result<WorkerReport, PortError> {
        // Where it cannot be read for now, the sweep looks again.
        match self.ports.refusal().await {
            Ok(Some(refusal)) => {
                return Err(PortError::new(PortErrorKind::Sealed, "work", refusal));
            }
            Err(error) if error.retry() == RetryClass::Never => return Err(error),
            Ok(None) | Err(_) => {}
        }
        let operations: Vec<OperationType> = self
            .catalog
            .names()
            .into_iter()
            .filter(|operation| self.handlers.contains_key(operation))
            .collect();
        let catalog = Arc::new(self.catalog);
        let gate = Gate::new(
            self.ports.clone(),
            Arc::clone(&catalog),
            GateTerms {
                worker: self.settings.name.clone(),
                lease_for: self.settings.lease_for,
                undecided: self.settings.undecided,
            },
        );
        let (completions, ended) = mpsc::channel(4 * self.settings.batch.max(1));
        let shared = Arc::new(Shared {
            slots: Arc::new(Semaphore::new(self.settings.concurrency.max(1))),
            running: Running::default(),
            progress: self.progress,
            operations,
            handlers: self.handlers,
            ports: self.ports,
            settings: self.settings,
            gate,
            completions,
            nothing_more: CancellationToken::new(),
            closed: Closed::default(),
            stop,
            instance: fresh_lease_id(),
        });
        work(shared, ended, until).await
    }
}

/// What the tasks of one worker have in common.
struct Shared {
    ports: Ports,
    gate: Gate,
    settings: WorkerSettings,
    /// What it knows: in the catalog, and with a handler.
    operations: Vec<OperationType>,
    handlers: HashMap<OperationType, Arc<dyn Handler>>,
    slots: Arc<Semaphore>,
    running: Running,
    progress: Arc<Progress>,
    completions: mpsc::Sender<complete::Ended>,
    /// Every handler has ended: nothing more comes to be completed. This worker's own: others may stop with it.
    nothing_more: CancellationToken,
    /// Whether its store has closed.
    closed: Closed,
    stop: Stop,
    /// Tells this worker from others of its name.
    instance: LeaseId,
}

impl Shared {
    async fn backlog(&self) -> Result<Backlog, PortError> {
        let query = BacklogQuery {
            queue_name: &self.settings.queue_name,
            operations: &self.operations,
        };
        self.ports.runs().backlog(&query).await
    }

    /// What is left, asked again where the store fails for now.
    async fn left(&self) -> Result<Backlog, PortError> {
        for attempt in 0..LAST_ATTEMPTS {
            match self.backlog().await {
                Err(error) if error.retry() == RetryClass::Later => {
                    tracing::warn!(%error, "what is left cannot be counted; trying again");
                    tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
                }
                known => return known,
            }
        }
        self.backlog().await
    }
}

async fn work(
    shared: Arc<Shared>,
    ended: mpsc::Receiver<complete::Ended>,
    until: Until,
) -> Result<WorkerReport, PortError> {
    let (batches, received) = mpsc::channel(1);
    let completer = tokio::spawn(complete::complete(Arc::clone(&shared), ended));
    // A worker that is dropped takes nothing more, and leaves its office and its leases to others.
    let renewer = AbortOnDropHandle::new(tokio::spawn(renew::renew(Arc::clone(&shared))));
    let sweeper = AbortOnDropHandle::new(tokio::spawn(sweep::sweep(Arc::clone(&shared))));
    let starter = tokio::spawn(start::start(Arc::clone(&shared), received));

    let receiver = receive::receive(Arc::clone(&shared), batches, until);
    let receiver = AbortOnDropHandle::new(tokio::spawn(receiver));
    let result = receiver.await.unwrap_or_else(|error| {
        ended_early(&error);
        Ok(())
    });

    // The receiver has dropped its end: the starter ends after the last batch, each handler drops its
    // sender when it has ended, and the completer ends after the last completion.
    join(starter).await;
    shared.running.wait_until_none().await;
    sweeper.abort();
    renewer.abort();
    let progress = Arc::clone(&shared.progress);
    shared.nothing_more.cancel();
    join(completer).await;
    sweep::step_down(&shared).await;
    result?;
    Ok(WorkerReport {
        tally: progress.tally(),
        left: shared.left().await?,
    })
}

/// A task of the worker's own does not panic; one that did has said so already.
async fn join(task: tokio::task::JoinHandle<()>) {
    if let Err(error) = task.await {
        ended_early(&error);
    }
}

fn ended_early(error: &tokio::task::JoinError) {
    tracing::error!(%error, "a task of the worker ended early");
}
