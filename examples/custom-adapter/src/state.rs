//! All that a store holds.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use countersign_domain::{
    CancelNote, LeaseId, OperationRun, Revision, RunEvent, RunId, RunStatus, StoreId, Timestamp,
    WorkspaceId, transition,
};
use countersign_ports::{LogEntry, QueueEntry, RunKey};

use super::facts::Facts;
use super::line::Line;

/// The whole store, behind one lock.
pub(crate) struct State {
    pub(crate) id: StoreId,
    pub(crate) facts: Facts,
    pub(crate) scopes: BTreeMap<WorkspaceId, Revision>,
    pub(crate) log: Vec<LogEntry>,
    pub(crate) runs: BTreeMap<RunId, Row>,
    pub(crate) offices: BTreeMap<String, Term>,
    /// The queue; none where the caller keeps one elsewhere.
    pub(crate) line: Option<Line>,
    clock: Timestamp,
}

/// A run, and what its record does not tell.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) run: OperationRun,
    /// The lease it runs under, or was completed under. A rescue takes it away.
    pub(crate) lease: Option<Lease>,
    /// The cancel flag.
    pub(crate) flag: Option<CancelNote>,
    /// The limit of attempts that it was begun with.
    pub(crate) max_attempts: u32,
    /// The one successor.
    pub(crate) successor: Option<RunId>,
}

/// A worker's hold on a running run.
#[derive(Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) id: LeaseId,
    pub(crate) until: Timestamp,
}

/// Who holds an office, and until when.
pub(crate) struct Term {
    pub(crate) holder: String,
    pub(crate) until: Timestamp,
}

impl State {
    pub(crate) fn empty(id: StoreId, line: Option<Line>) -> Self {
        Self {
            id,
            facts: Facts::default(),
            scopes: BTreeMap::new(),
            log: Vec::new(),
            runs: BTreeMap::new(),
            offices: BTreeMap::new(),
            line,
            clock: Timestamp::UNIX_EPOCH,
        }
    }

    /// The store's clock: the only one that decides anything. It never runs backwards, whatever the
    /// system's does.
    pub(crate) fn now(&mut self) -> Timestamp {
        let since_1970 = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        self.clock = self.clock.max(Timestamp::UNIX_EPOCH.plus(since_1970));
        self.clock
    }

    /// The run, if it is one of that workspace (G8).
    pub(crate) fn row(&mut self, key: &RunKey) -> Option<&mut Row> {
        let row = self.runs.get_mut(&key.id)?;
        (row.run.workspace_id == key.workspace_id).then_some(row)
    }

    /// Adds a queued run, and its entry with it.
    pub(crate) fn enqueue(&mut self, run: OperationRun) -> QueueEntry {
        let entry = QueueEntry::of(&run);
        if let Some(line) = &mut self.line {
            line.push(&entry);
        }
        self.runs.insert(
            run.id,
            Row {
                run,
                lease: None,
                flag: None,
                max_attempts: u32::MAX,
                successor: None,
            },
        );
        entry
    }

    /// Takes the entry of a run that has left `queued` out of the queue.
    pub(crate) fn dequeue(&mut self, run: RunId) {
        if let Some(line) = &mut self.line {
            line.remove(run);
        }
    }
}

impl Row {
    /// Takes the run where the event leads, if it leads anywhere from here (G1, G3).
    pub(crate) fn step(&mut self, event: RunEvent, now: Timestamp) {
        let (status, outcome) = transition(self.run.status, event).expect("a guarded event");
        self.run.status = status;
        self.run.outcome = outcome;
        match status {
            RunStatus::Queued => {}
            RunStatus::Running => self.run.started_at = Some(now),
            RunStatus::Completed => self.run.completed_at = Some(now),
        }
    }

    pub(crate) fn runs_under(&self, lease_id: LeaseId) -> bool {
        self.run.status == RunStatus::Running
            && self.lease.is_some_and(|lease| lease.id == lease_id)
    }
}
