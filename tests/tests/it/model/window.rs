//! Time, as far as a store tells: something happened between two looks at its clock.

use std::time::Duration;

use countersign_conformance::scene::Scene;
use countersign_domain::Timestamp;

use crate::support::MovedClock;

/// From one look at the clock to the next, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Window {
    pub(super) fn at(time: Timestamp) -> Self {
        Self {
            from: time,
            to: time,
        }
    }

    pub(super) fn plus(self, by: Duration) -> Self {
        Self {
            from: self.from.plus(by),
            to: self.to.plus(by),
        }
    }

    pub(super) fn holds(self, time: Timestamp) -> bool {
        self.from <= time && time <= self.to
    }

    /// Whether something due at some time of this one had come by the whole of another, by none of it, or
    /// whether only the store can tell.
    pub(super) fn has_come_by(self, during: Self) -> Come {
        if self.to <= during.from {
            Come::Yes
        } else if self.from > during.to {
            Come::No
        } else {
            Come::Perhaps
        }
    }
}

/// Whether a time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Come {
    Yes,
    No,
    Perhaps,
}

/// How time passes for a store.
#[derive(Clone)]
pub(crate) enum Passing {
    /// When it is told to.
    Told(MovedClock),
    /// By itself.
    ByItself,
}

impl Passing {
    /// No two commands are of one instant.
    pub(super) fn tick(&self) {
        match self {
            Self::Told(clock) => clock.advance(Duration::from_micros(1)),
            Self::ByItself => {}
        }
    }

    /// Returns when the store's clock is past a time.
    pub(super) async fn past(&self, time: Timestamp, scene: &Scene) {
        match self {
            Self::Told(clock) => {
                let ahead = time.since(clock.now());
                if clock.now() <= time {
                    clock.advance(ahead + Duration::from_micros(1));
                }
            }
            Self::ByItself => scene.clock_past(time).await,
        }
    }
}
