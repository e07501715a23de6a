//! When handlers were entered.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::Failure;

/// A process measures one thing: handlers, which are plain functions with most peers, need to be given nothing.
static ENTERED: OnceLock<Counter> = OnceLock::new();

struct Counter {
    entered: AtomicUsize,
    every: usize,
    tell: UnboundedSender<Instant>,
}

/// Called by every handler, once a job.
pub fn entered() {
    let at = Instant::now();
    if let Some(counter) = ENTERED.get() {
        let entered = counter.entered.fetch_add(1, Ordering::Relaxed) + 1;
        if entered.is_multiple_of(counter.every) {
            // Nobody listens any more once the answer is written.
            let _ = counter.tell.send(at);
        }
    }
}

/// What handlers tell.
pub(crate) struct Entries(UnboundedReceiver<Instant>);

impl Entries {
    /// To be told of every so manieth entry.
    pub(crate) fn every(every: usize) -> Self {
        let (tell, told) = unbounded_channel();
        ENTERED.get_or_init(|| Counter {
            entered: AtomicUsize::new(0),
            every,
            tell,
        });
        Self(told)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Result<Instant, Failure> {
        self.0
            .recv()
            .await
            .ok_or_else(|| "handlers are counted once a process".into())
    }
}
