//! How large the world is, and how much may go wrong in it.

use std::collections::BTreeSet;

use super::authority::{Authority, Change, Kind};
use super::run::Run;
use super::worker::Worker;
use super::{State, properties::Faults};

/// How often each thing may still happen that nobody wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// A worker is killed, and comes back knowing nothing.
    pub crashes: u8,
    /// An answer is lost, or does not come in time.
    pub losses: u8,
    /// A start reaches the store twice.
    pub doubles: u8,
    /// A worker hangs until its permit's deadline has passed.
    pub stalls: u8,
    /// A handler fails.
    pub failures: u8,
    /// Authority is set back to a backup.
    pub restores: u8,
    /// The record of the first workspace's scope is lost.
    pub damages: u8,
}

/// What a model begins with.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// How many workers there are.
    pub workers: usize,
    /// The workspace of each run.
    pub runs: Vec<usize>,
    /// How often a chain of runs is attempted.
    pub attempts: u8,
    /// The changes that are made, in any order and at the same time.
    pub changes: Vec<Kind>,
    /// Whether the user has a grant in the second workspace, too.
    pub granted_in_both: bool,
    /// Whether the grant in the first workspace expires at some time.
    pub grant_expires: bool,
    /// What may go wrong.
    pub budget: Budget,
}

impl World {
    /// Changes of the user and of what they are granted, all at once, beside starts in both workspaces.
    #[must_use]
    pub fn of_changes() -> Self {
        Self {
            workers: 2,
            runs: vec![0, 1],
            attempts: 1,
            changes: vec![Kind::Disable, Kind::Grant(1), Kind::Revoke(0)],
            ..Self::default()
        }
    }

    /// One run, two workers and a revocation, where workers are killed, answers lost and starts doubled.
    #[must_use]
    pub fn of_losses() -> Self {
        Self {
            workers: 2,
            runs: vec![0],
            attempts: 1,
            changes: vec![Kind::Revoke(0)],
            budget: Budget {
                crashes: 1,
                losses: 1,
                doubles: 1,
                ..Budget::default()
            },
            ..Self::default()
        }
    }

    /// A chain of two runs and a revocation, where workers hang past their deadlines or are killed, and handlers fail.
    #[must_use]
    pub fn of_late_workers() -> Self {
        Self {
            workers: 2,
            runs: vec![0],
            attempts: 2,
            changes: vec![Kind::Revoke(0)],
            budget: Budget {
                crashes: 1,
                stalls: 1,
                failures: 1,
                ..Budget::default()
            },
            ..Self::default()
        }
    }

    /// A grant that expires, a backup that is put back, and a scope whose record is lost.
    #[must_use]
    pub fn of_time_and_damage() -> Self {
        Self {
            workers: 2,
            runs: vec![0],
            attempts: 1,
            changes: vec![Kind::Disable, Kind::Enable],
            grant_expires: true,
            budget: Budget {
                restores: 1,
                damages: 1,
                ..Budget::default()
            },
            ..Self::default()
        }
    }

    /// The same, where what may go wrong may do so once more; where nothing may, one more change is made.
    #[must_use]
    pub fn larger(mut self) -> Self {
        let budget = &mut self.budget;
        let nothing = *budget == Budget::default();
        for times in [
            // Not what is lost or doubled on its way: twice as much of that is more than a machine holds.
            &mut budget.crashes,
            &mut budget.stalls,
            &mut budget.failures,
            &mut budget.restores,
        ] {
            *times += u8::from(*times > 0);
        }
        if nothing {
            self.changes.push(Kind::Enable);
        }
        self
    }

    pub(super) fn begins(&self) -> State {
        State {
            authority: Authority::new(self.granted_in_both, self.grant_expires),
            changes: self.changes.iter().copied().map(Change::new).collect(),
            runs: (self.runs.iter())
                .map(|&workspace| Run::queued(workspace, 1, self.attempts))
                .collect(),
            workers: vec![Worker::default(); self.workers],
            wire: Vec::new(),
            opened: Vec::new(),
            forgotten: BTreeSet::new(),
            left: self.budget,
            faults: Faults::default(),
        }
    }
}
