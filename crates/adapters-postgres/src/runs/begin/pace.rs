//! How many starts are moved at a time before a change that waits is let in.

use std::sync::atomic::{AtomicI32, Ordering};

/// Large while nothing changes, as each piece is a statement of its own; small where changes keep coming, as each waits
/// for the piece that is under way.
#[derive(Debug)]
pub(crate) struct Pace(AtomicI32);

impl Pace {
    const LEAST: i32 = 100;
    const FIRST: i32 = 250;
    const MOST: i32 = 1000;
    /// By how much it grows with each batch that met nobody.
    const STEP: i32 = 50;

    pub(crate) fn new() -> Self {
        Self(AtomicI32::new(Self::FIRST))
    }

    /// So many starts are a piece.
    pub(super) fn piece(&self) -> i32 {
        self.0.load(Ordering::Relaxed)
    }

    /// A batch gave way to a change: others are likely to follow.
    pub(super) fn gave_way(&self) {
        self.set(Self::LEAST);
    }

    /// A batch met nobody.
    pub(super) fn went_through(&self) {
        self.set((self.piece() + Self::STEP).min(Self::MOST));
    }

    // Two at once may overwrite each other: it is a pace, not a count.
    fn set(&self, piece: i32) {
        self.0.store(piece, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_stays_within_its_bounds() {
        let pace = Pace::new();
        for _ in 0..100 {
            pace.gave_way();
        }
        assert_eq!(pace.piece(), Pace::LEAST);
        for _ in 0..100 {
            pace.went_through();
        }
        assert_eq!(pace.piece(), Pace::MOST);
    }
}
