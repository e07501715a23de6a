//! Calling a store again where it fails for now: everything that a move asks of it can be asked twice.

use std::time::Duration;

use countersign_ports::{PortError, PortResult, RetryClass};

/// How often a call is tried.
const ATTEMPTS: u32 = 8;

/// The longest wait before it is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Calls until the store answers, or fails for good.
pub(super) async fn patiently<T, Called>(mut call: impl FnMut() -> Called) -> Result<T, PortError>
where
    Called: Future<Output = PortResult<T>>,
{
    let mut tried = 1;
    loop {
        match call().await {
            // A step or an import whose end is unknown is simply taken again.
            Err(error) if error.retry() != RetryClass::Never && tried < ATTEMPTS => {
                tracing::warn!(%error, "a store failed for now; trying again");
                tokio::time::sleep(Duration::from_millis(25 << tried).min(LONGEST_WAIT)).await;
                tried += 1;
            }
            ended => return ended,
        }
    }
}
