//! The store's clock: that of the machine the file is on.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use countersign_domain::Timestamp;

/// What a SQLite store goes by. All processes that share a file share a machine, and so its clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's own clock.
    #[must_use]
    pub fn system() -> Self {
        Self::from_fn(|| {
            let since = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            Timestamp::UNIX_EPOCH.plus(since)
        })
    }

    /// Another clock, for tests that move time.
    #[must_use]
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_shown_with_its_time() {
        let shown = format!("{:?}", Clock::from_fn(|| Timestamp::UNIX_EPOCH));
        assert_eq!(shown, format!("Clock({:?})", Timestamp::UNIX_EPOCH));
    }
}
