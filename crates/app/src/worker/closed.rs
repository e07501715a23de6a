//! A store that closed under a worker: what runs may end, and then the worker stops.

use std::sync::OnceLock;

use countersign_ports::{PortError, PortErrorKind};
use tokio_util::sync::CancellationToken;

use super::Shared;

/// Told once, by whichever task was refused first.
#[derive(Debug, Default)]
pub(super) struct Closed {
    refusal: OnceLock<String>,
    token: CancellationToken,
}

impl Closed {
    /// Whoever receives stops here, with the words of the store.
    pub(super) fn tell(&self, refusal: &str) {
        if self.refusal.set(refusal.to_owned()).is_ok() {
            tracing::warn!("stopping, as {refusal}");
        }
        self.token.cancel();
    }

    /// The same, if that is what an error says.
    pub(super) fn tell_of(&self, error: &PortError) {
        if error.kind() == PortErrorKind::Sealed {
            self.tell(error.detail());
        }
    }

    /// Returns once the store has closed.
    pub(super) async fn closed(&self) {
        self.token.cancelled().await;
    }

    /// What the worker ends with, if its store has closed.
    pub(super) fn error(&self) -> Result<(), PortError> {
        match self.refusal.get() {
            None => Ok(()),
            Some(refusal) => Err(PortError::new(PortErrorKind::Sealed, "work", refusal)),
        }
    }
}

/// Asks the store where it stands: a worker with nothing to do would not hear of it otherwise.
pub(super) async fn look(shared: &Shared) {
    match shared.ports.refusal().await {
        Ok(Some(refusal)) => shared.closed.tell(&refusal),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "where the store stands cannot be read; trying again"),
    }
}
