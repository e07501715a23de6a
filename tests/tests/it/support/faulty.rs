//! Ports that fail when they are told to, in front of real ones.

mod authority;
mod queue;
mod runs;

pub(crate) use authority::FaultyAuthority;
pub(crate) use queue::{FaultyQueue, Losing};
pub(crate) use runs::{FaultyRuns, Renewing};

use countersign_ports::{PortError, PortErrorKind};

/// What a store says that cannot be reached.
fn unreachable(operation: &'static str) -> PortError {
    PortError::new(
        PortErrorKind::Unavailable,
        operation,
        "the store cannot be reached",
    )
}
