//! The small world that the cases play in, and the steps that they are told in.
//!
//! Everything here goes through the ports alone, calls again where a port says `later`, and panics on
//! any other error of a port. An adapter's own tests may play in the same world.

mod completion;
mod crowd;
mod gate;
mod house;
mod line;
mod place;
mod wait;

use std::sync::Arc;

use countersign_domain::{
    AuthorityChange, Catalog, ConnectionUse, Operation, OperationRun, RetryPolicy, RunOutcome,
    RunStatus, Submission, Timestamp, WorkerName,
};
use countersign_ports::{Applied, QueueUpkeep, RunKey, Submitted};

pub use completion::{Running, failed, json, note};
pub use gate::Came;
pub use house::{House, refused};
pub use line::AN_HOUR;
pub use place::{AWAY, HOME, Place};
pub use wait::{eventually, patiently};

use crate::Ports;
use crate::change::id;

/// The ports of one process, and a worker's catalog.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The ports.
    pub ports: Ports,
    /// What the worker knows.
    pub catalog: Arc<Catalog>,
    worker: WorkerName,
}

impl Scene {
    /// An empty world.
    #[must_use]
    pub fn bare(ports: &Ports) -> Self {
        Self {
            ports: ports.clone(),
            catalog: Arc::new(Catalog::new(operations())),
            worker: id("worker-1"),
        }
    }

    /// A world in which [`HOME`] is in order.
    pub async fn home(ports: &Ports) -> Self {
        let scene = Self::bare(ports);
        scene.apply(&HOME.changes()).await;
        scene
    }

    /// A world in which [`HOME`] and [`AWAY`] are in order, with no user in common.
    pub async fn home_and_away(ports: &Ports) -> Self {
        let scene = Self::home(ports).await;
        scene.apply(&AWAY.changes()).await;
        scene
    }

    /// The same world, seen through the ports of another process.
    pub async fn elsewhere(&self) -> Self {
        Self {
            ports: self.ports.another().await,
            worker: id("worker-2"),
            ..self.clone()
        }
    }

    /// The store's clock.
    pub async fn clock(&self) -> Timestamp {
        patiently(|| self.ports.runs.clock()).await
    }

    /// Applies changes that nobody is named for.
    pub async fn apply(&self, changes: &[AuthorityChange]) -> Applied {
        let changes: Vec<_> = changes.iter().cloned().map(Into::into).collect();
        patiently(|| self.ports.authority.apply(&changes)).await
    }

    /// Submits, and pushes what was created where the queue is the caller's to keep.
    pub async fn offer(&self, submissions: &[Submission]) -> Vec<Submitted> {
        let answers = patiently(|| self.ports.runs.submit(submissions)).await;
        assert_eq!(answers.len(), submissions.len(), "an answer for each");
        if self.ports.runs.queue_upkeep() == QueueUpkeep::Caller {
            let created = submissions.iter().zip(&answers);
            let created: Vec<RunKey> = created
                .filter_map(|(submission, answer)| match answer {
                    Submitted::Created { id, .. } => Some(RunKey {
                        workspace_id: submission.workspace_id.clone(),
                        id: *id,
                    }),
                    Submitted::Existing { .. } | Submitted::IdTaken { .. } => None,
                })
                .collect();
            self.enqueue(&created).await;
        }
        answers
    }

    /// Submits a run that is created.
    pub async fn submit(&self, submission: Submission) -> RunKey {
        let mut keys = self.submit_all([submission]).await;
        keys.remove(0)
    }

    /// Submits runs that are created, each of them.
    pub async fn submit_all(
        &self,
        submissions: impl IntoIterator<Item = Submission>,
    ) -> Vec<RunKey> {
        let submissions: Vec<Submission> = submissions.into_iter().collect();
        let answers = self.offer(&submissions).await;
        let keys = submissions.into_iter().zip(answers);
        keys.map(|(submission, answer)| match answer {
            Submitted::Created { id, .. } => RunKey {
                workspace_id: submission.workspace_id,
                id,
            },
            Submitted::Existing { .. } | Submitted::IdTaken { .. } => {
                panic!("created nothing: {answer:?}")
            }
        })
        .collect()
    }

    /// The run, as the store holds it.
    pub async fn load(&self, key: &RunKey) -> OperationRun {
        let mut runs = self.load_all(std::slice::from_ref(key)).await;
        runs.remove(0)
    }

    /// The runs, as the store holds them.
    pub async fn load_all(&self, keys: &[RunKey]) -> Vec<OperationRun> {
        let runs = patiently(|| self.ports.runs.load(keys)).await;
        assert_eq!(runs.len(), keys.len(), "an answer for each");
        runs.into_iter()
            .zip(keys)
            .map(|(run, key)| {
                let run = run.unwrap_or_else(|| panic!("run {} is there", key.id));
                assert_eq!(run.id, key.id, "in input order");
                run
            })
            .collect()
    }

    /// How far the run came, and what it came to.
    pub async fn stands(&self, key: &RunKey) -> (RunStatus, RunOutcome) {
        let run = self.load(key).await;
        (run.status, run.outcome)
    }
}

/// The operations of the worker's catalog.
fn operations() -> [Operation; 5] {
    let named = |name: &str| Operation::new(id(name));
    [
        named("inventory_sync").needing(id("inventory.sync")),
        Operation {
            connection: ConnectionUse::Required,
            prerequisites: vec![id("baseline")],
            ..named("restore.execute")
                .needing(id("restore.execute"))
                .writing()
        },
        named("report"),
        Operation {
            system: true,
            ..named("housekeeping")
        },
        Operation {
            retry: RetryPolicy {
                max_attempts: 1,
                ..RetryPolicy::default()
            },
            ..named("once")
        },
    ]
}
