//! What a store does that does one thing after the other: G2 and G3 of one place.

use countersign_conformance::scene::Came;
use stateright::semantics::SequentialSpec;

use super::facts::{Effect, Facts};

/// A place, and how far its runs have come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Sequential {
    off: Facts,
    runs: Vec<Stands>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Stands {
    Queued,
    Decided,
}

/// Something that is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Op {
    /// Authority changes.
    Change(Effect),
    /// A run is begun, by what was looked up and judged before.
    Begin(usize),
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ret {
    /// The change was applied.
    Changed,
    /// What became of the start.
    Came(Came),
}

impl Sequential {
    /// Everything is on, and so many runs are queued.
    pub(super) fn with_runs(runs: usize) -> Self {
        Self {
            off: 0,
            runs: vec![Stands::Queued; runs],
        }
    }

    fn is_authorised(&self) -> bool {
        self.off == 0
    }

    /// Started only while it is authorised, blocked only while it is not, and both at most once. A queued run may
    /// always be moved, and a change may always be in the way; then nothing has happened.
    fn may_come(&self, run: usize, came: Came) -> bool {
        let is_queued = self.runs[run] == Stands::Queued;
        match came {
            Came::Started => is_queued && self.is_authorised(),
            Came::Blocked => is_queued && !self.is_authorised(),
            Came::Moved => is_queued,
            Came::Busy => true,
            Came::NotQueued => !is_queued,
            Came::CancelRequested => false,
        }
    }
}

impl SequentialSpec for Sequential {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match *op {
            Op::Change(effect) => {
                self.off = (self.off | effect.off) & !effect.on;
                Ret::Changed
            }
            Op::Begin(run) => {
                let comes = [Came::Started, Came::Blocked, Came::NotQueued];
                let came = comes.into_iter().find(|came| self.may_come(run, *came));
                self.runs[run] = Stands::Decided;
                Ret::Came(came.unwrap())
            }
        }
    }

    fn is_valid_step(&mut self, op: &Op, ret: &Ret) -> bool {
        match (*op, *ret) {
            (Op::Change(_), Ret::Changed) => self.invoke(op) == *ret,
            (Op::Begin(run), Ret::Came(came)) => {
                let may = self.may_come(run, came);
                if matches!(came, Came::Started | Came::Blocked) {
                    self.runs[run] = Stands::Decided;
                }
                may
            }
            (Op::Change(_), Ret::Came(_)) | (Op::Begin(_), Ret::Changed) => false,
        }
    }
}
