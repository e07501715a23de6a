//! Stopping in two steps: first let handlers end, then cancel them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

/// Tells a worker to stop. Clones tell the same worker.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Tokens>);

#[derive(Debug, Default)]
struct Tokens {
    receiving: CancellationToken,
    handlers: CancellationToken,
    completing: CancellationToken,
}

impl Stop {
    /// Nobody told it to stop yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts nothing more, lets running handlers end.
    pub fn drain(&self) {
        self.0.receiving.cancel();
    }

    /// Starts nothing more and cancels running handlers; what does not end within the grace is dropped.
    pub fn now(&self) {
        self.0.receiving.cancel();
        self.0.handlers.cancel();
    }

    /// Whether it was told to start nothing more.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.receiving.is_cancelled()
    }

    pub(super) fn draining(&self) -> &CancellationToken {
        &self.0.receiving
    }

    pub(super) fn handlers(&self) -> &CancellationToken {
        &self.0.handlers
    }

    /// Every handler has ended: nothing more comes to be completed.
    pub(super) fn completed(&self) {
        self.0.completing.cancel();
    }

    pub(super) fn completing(&self) -> &CancellationToken {
        &self.0.completing
    }
}
