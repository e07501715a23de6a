//! How many starts are moved at a time before a change that waits is let in.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Large while nothing changes, as each piece costs a round trip; small where changes keep coming, as each waits
/// for the piece that is under way.
#[derive(Debug)]
pub(crate) struct Pace(AtomicUsize);

impl Pace {
    const LEAST: usize = 125;
    const FIRST: usize = 250;
    const MOST: usize = 1000;

    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(Self::FIRST))
    }

    /// So many starts are a piece.
    pub(super) fn piece(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A batch gave way to a change.
    pub(super) fn gave_way(&self) {
        self.set((self.piece() / 2).max(Self::LEAST));
    }

    /// A batch met nobody.
    pub(super) fn went_through(&self) {
        self.set((self.piece() + Self::LEAST).min(Self::MOST));
    }

    // Two at once may overwrite each other: it is a pace, not a count.
    fn set(&self, piece: usize) {
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
