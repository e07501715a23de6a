//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use countersign_domain::Timestamp;
use countersign_sqlite::Clock;

/// Clones show the same time.
#[derive(Clone)]
pub(crate) struct MovedClock(Arc<AtomicI64>);

impl MovedClock {
    /// Stands at noon of 1 January 2030.
    pub(crate) fn new() -> Self {
        let noon: Timestamp = "2030-01-01T12:00:00Z".parse().unwrap();
        Self(Arc::new(AtomicI64::new(noon.as_micros())))
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap();
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// The clock that a store goes by.
    pub(crate) fn for_store(&self) -> Clock {
        let clock = self.clone();
        Clock::from_fn(move || clock.now())
    }
}
