//! The runs whose handlers this worker has entered, and why it wants any of them to stop.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use countersign_domain::{CancelNote, ExecutionContext, LeaseId, RunId};
use countersign_ports::{Entry, RunKey};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Why a handler is asked to stop. The first cause stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StopCause {
    /// The cancel flag is raised in the store: by an operator, or by a renewal's deny (G7).
    Flagged(CancelNote),
    /// It took longer than its operation permits.
    Timeout(Duration),
    /// Its lease was lost, or could not be renewed in time.
    LeaseLost,
    /// The worker was told to stop now.
    WorkerStopped,
}

/// One entered run.
#[derive(Debug)]
pub(super) struct RunningRun {
    pub(super) key: RunKey,
    pub(super) lease_id: LeaseId,
    pub(super) context: ExecutionContext,
    token: CancellationToken,
    cause: OnceLock<StopCause>,
    deadline: Mutex<Instant>,
}

impl RunningRun {
    pub(super) fn new(entry: &Entry, context: ExecutionContext, token: CancellationToken) -> Self {
        Self {
            key: entry.run().clone(),
            lease_id: entry.lease_id(),
            context,
            token,
            cause: OnceLock::new(),
            deadline: Mutex::new(entry.deadline()),
        }
    }

    /// Cancels the handler's token.
    pub(super) fn stop(&self, cause: StopCause) {
        let _first_stands = self.cause.set(cause);
        self.token.cancel();
    }

    pub(super) fn cause(&self) -> Option<&StopCause> {
        self.cause.get()
    }

    /// When the lease must have been renewed, on the monotonic clock.
    pub(super) fn deadline(&self) -> Instant {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A renewal that was sent at that instant has held.
    pub(super) fn extend(&self, sent_at: Instant, lease_for: Duration) {
        let deadline = sent_at.checked_add(lease_for).unwrap_or(sent_at);
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }
}

/// The register of entered runs.
#[derive(Debug, Default)]
pub(super) struct Running {
    runs: Mutex<HashMap<RunId, Arc<RunningRun>>>,
    emptied: Notify,
}

impl Running {
    pub(super) fn add(&self, run: Arc<RunningRun>) {
        self.lock().insert(run.key.id, run);
    }

    pub(super) fn remove(&self, run: RunId) {
        let mut runs = self.lock();
        runs.remove(&run);
        if runs.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    pub(super) fn all(&self) -> Vec<Arc<RunningRun>> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(super) async fn wait_until_none(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Arc<RunningRun>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
