//! The port to the queue: a hint which runs are due.

use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::{
    OperationRun, OperationType, QueueName, RunId, Submission, Timestamp, WorkspaceId,
};

use crate::{PortResult, RunKey, StoreIdentity, Submitted};

/// What the queue knows of a run: enough to order it and to find it, nothing to decide by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEntry {
    /// The run.
    pub run: RunKey,
    /// Its operation, so that a worker receives only what it knows.
    pub operation_type: OperationType,
    /// The queue it waits in.
    pub queue_name: QueueName,
    /// Higher goes first.
    pub priority: i16,
    /// Not delivered before this.
    pub due_at: Timestamp,
}

impl QueueEntry {
    /// What the queue is to know of a run.
    #[must_use]
    pub fn of(run: &OperationRun) -> Self {
        Self {
            run: RunKey {
                workspace_id: run.workspace_id.clone(),
                id: run.id,
            },
            operation_type: run.operation_type.clone(),
            queue_name: run.queue_name.clone(),
            priority: run.priority,
            due_at: run.due_at,
        }
    }

    /// What the queue is to know of a run that was just submitted; none where that created no run. To push where the
    /// repository leaves that to its caller ([`QueueUpkeep::Caller`](crate::QueueUpkeep)).
    #[must_use]
    pub fn submitted(submission: &Submission, submitted: &Submitted) -> Option<Self> {
        match submitted {
            Submitted::Created { id, due_at } => Some(Self {
                run: RunKey {
                    workspace_id: submission.workspace_id.clone(),
                    id: *id,
                },
                operation_type: submission.operation_type.clone(),
                queue_name: submission.queue_name.clone(),
                priority: submission.priority,
                due_at: *due_at,
            }),
            Submitted::Existing { .. } | Submitted::IdTaken { .. } => None,
        }
    }
}

/// What identifies one delivery. A later delivery of the same run has another receipt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// One entry, handed out for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The run.
    pub run: RunKey,
    /// Its operation.
    pub operation_type: OperationType,
    /// What to ack or put off.
    pub receipt: Receipt,
}

impl Delivery {
    /// The run's id.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.run.id
    }

    /// The run's workspace.
    #[must_use]
    pub fn workspace_id(&self) -> &WorkspaceId {
        &self.run.workspace_id
    }
}

/// What to receive.
#[derive(Debug, Clone)]
pub struct Receive<'a> {
    /// From which queue.
    pub queue_name: &'a QueueName,
    /// Only these operations; entries of others stay untouched.
    pub operations: &'a [OperationType],
    /// At most this many.
    pub limit: u32,
    /// For how long nobody else receives them.
    pub invisible_for: Duration,
}

/// What became of a pushed entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Push {
    /// It waits now.
    Added,
    /// The queue already had an entry for the run and left it alone.
    Present,
}

/// What became of a delivery that was acked or put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Acked {
    /// Done.
    Done,
    /// The receipt is no longer the entry's: it was delivered again, or is gone. Nothing changed.
    Stale,
}

/// Which runs are due. May lose, repeat and reorder: the run repository is the truth (G5).
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait RunQueue: Send + Sync {
    /// The store that the queue lives in.
    fn store(&self) -> &StoreIdentity;

    /// Adds entries.
    ///
    /// # Idempotency
    /// By run id: an entry that waits, is invisible or was put off is left alone ([`Push::Present`]).
    async fn push(&self, entries: &[QueueEntry]) -> PortResult<Vec<Push>>;

    /// Hands out entries that are due and visible, and makes them invisible for a while.
    ///
    /// # Guarantees
    /// * Higher priority first, then due time, then run id; not across calls of several receivers.
    /// * Two receivers do not get the same entry while it is invisible.
    /// * Entries of other operations or queues are not touched, and do not slow this down.
    ///
    /// # Cancel safety
    /// Entries of a dropped call become visible again when their time is up.
    async fn receive<'a>(&self, receive: &Receive<'a>) -> PortResult<Vec<Delivery>>;

    /// Removes delivered entries.
    async fn ack(&self, deliveries: &[Delivery]) -> PortResult<Vec<Acked>>;

    /// Makes delivered entries visible again after a while.
    async fn put_off(&self, deliveries: &[Delivery], wait: Duration) -> PortResult<Vec<Acked>>;

    /// Returns when there may be something to receive, and at the latest after `at_most`.
    ///
    /// A hint and no more: it may return early, and what it waits for may be lost.
    async fn wait(&self, at_most: Duration);
}
