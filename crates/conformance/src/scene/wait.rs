//! Waiting for events: never for a fixed time, never without end.

use std::future::Future;
use std::time::{Duration, Instant};

use countersign_domain::Timestamp;
use countersign_ports::{PortResult, RetryClass};

use super::Scene;

/// What has not come by then never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Asks until there is an answer.
///
/// # Panics
/// With `what`, when there is none for half a minute.
pub async fn eventually<T, Asked>(what: &str, mut ask: impl FnMut() -> Asked) -> T
where
    Asked: Future<Output = Option<T>>,
{
    let asked_at = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(asked_at.elapsed() < PATIENCE, "in vain: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Calls a port again for as long as its error says `later`: what callers do when many write at once.
///
/// # Panics
/// On any other error, and when it is `later` for half a minute.
pub async fn patiently<T, Called>(mut call: impl FnMut() -> Called) -> T
where
    Called: Future<Output = PortResult<T>>,
{
    let called_at = Instant::now();
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) => assert!(
                error.retry() == RetryClass::Later && called_at.elapsed() < PATIENCE,
                "an error that does not pass: {error}"
            ),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Scene {
    /// Returns once the store's clock is past a time.
    pub async fn clock_past(&self, time: Timestamp) {
        eventually("the store's clock runs", || async {
            (self.clock().await > time).then_some(())
        })
        .await;
    }
}
