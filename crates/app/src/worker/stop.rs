//! Stopping in two steps: first let handlers end, then cancel them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

/// Tells a worker to stop, or several of them. Clones tell the same ones.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Tokens>);

#[derive(Debug, Default)]
struct Tokens {
    receiving: CancellationToken,
    handlers: CancellationToken,
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
}
