//! The reference for runs: the record that the store must hold of each, whatever has happened.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_domain::{
    ActorName, LeaseId, OperationRun, OperationType, RunId, RunOutcome, RunStatus, Submission,
    TenantId, Timestamp, UniqueKey, WorkspaceId,
};
use countersign_ports::RunKey;

use super::window::Window;

/// Every run there is, in the order in which they were queued.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub(super) known: BTreeMap<RunId, Known>,
    pub(super) order: Vec<RunId>,
}

/// One run.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// What the store must hold, but for times that it has not been asked for yet.
    pub(super) run: OperationRun,
    /// Times that the store has chosen, and within what.
    pub(super) chosen: Vec<(Time, Window)>,
    /// The lease that it runs under, or was completed under.
    pub(super) lease: Option<LeaseId>,
    /// When that lease lapses.
    pub(super) lapses: Window,
    /// The limit of attempts, as it was when it started.
    pub(super) max_attempts: u32,
    /// Its successor.
    pub(super) successor: Option<RunId>,
}

/// A time of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    Queued,
    Due,
    Started,
    Completed,
    Undecided,
}

impl Time {
    /// Where it stands in the record.
    pub(super) fn of(self, run: &OperationRun) -> Option<Timestamp> {
        match self {
            Self::Queued => Some(run.queued_at),
            Self::Due => Some(run.due_at),
            Self::Started => run.started_at,
            Self::Completed => run.completed_at,
            Self::Undecided => run.undecided_since,
        }
    }

    fn set(self, run: &mut OperationRun, time: Timestamp) {
        match self {
            Self::Queued => run.queued_at = time,
            Self::Due => run.due_at = time,
            Self::Started => run.started_at = Some(time),
            Self::Completed => run.completed_at = Some(time),
            Self::Undecided => run.undecided_since = Some(time),
        }
    }
}

impl Known {
    pub(super) fn key(&self) -> RunKey {
        RunKey {
            workspace_id: self.run.workspace_id.clone(),
            id: self.run.id,
        }
    }

    /// The store has chosen a time; which one is read from its record.
    pub(super) fn chooses(&mut self, time: Time, within: Window) {
        time.set(&mut self.run, within.from);
        self.chosen.push((time, within));
    }

    /// Takes over what the store has chosen, where it may have.
    pub(super) fn settle(&mut self, stored: &OperationRun) {
        for (time, within) in std::mem::take(&mut self.chosen) {
            if let Some(chosen) = time.of(stored).filter(|chosen| within.holds(*chosen)) {
                time.set(&mut self.run, chosen);
            }
        }
    }

    pub(super) fn is(&self, status: RunStatus) -> bool {
        self.run.status == status
    }

    pub(super) fn runs_under(&self, lease: LeaseId) -> bool {
        self.is(RunStatus::Running) && self.lease == Some(lease)
    }

    /// The run has come to its end.
    pub(super) fn complete(&mut self, outcome: RunOutcome, within: Window) {
        self.run.status = RunStatus::Completed;
        self.run.outcome = outcome;
        self.chooses(Time::Completed, within);
    }
}

impl Runs {
    /// The run that was queued by that submission.
    pub(super) fn queue(&mut self, id: RunId, submission: Submission, within: Window) {
        let due = submission.due_at;
        let run = OperationRun {
            id,
            workspace_id: submission.workspace_id,
            tenant_id: submission.tenant_id,
            initiator: submission.initiator,
            authority_mode: submission.authority_mode,
            operation_type: submission.operation_type,
            provider_connection_id: submission.provider_connection_id,
            status: RunStatus::Queued,
            outcome: RunOutcome::Pending,
            context: submission.context,
            decision: None,
            continuity: None,
            result: None,
            output: None,
            failure: None,
            cancel: None,
            priority: submission.priority,
            unique_key: submission.unique_key,
            chain_id: id,
            attempt: 1,
            retry_of: None,
            requested_by: None,
            queue_name: submission.queue_name,
            queued_at: within.from,
            due_at: within.from,
            started_at: None,
            completed_at: None,
            undecided_since: None,
        };
        self.add(run, within, due.map_or(within, Window::at));
    }

    /// The successor that was queued of a run, due after a wait.
    pub(super) fn succeed(
        &mut self,
        predecessor: RunId,
        id: RunId,
        requested_by: Option<ActorName>,
        wait: Duration,
        within: Window,
    ) {
        let before = self.known.get_mut(&predecessor).unwrap();
        before.successor = Some(id);
        let run = OperationRun {
            id,
            status: RunStatus::Queued,
            outcome: RunOutcome::Pending,
            decision: None,
            continuity: None,
            result: None,
            output: None,
            failure: None,
            cancel: None,
            attempt: before.run.attempt + 1,
            retry_of: Some(predecessor),
            requested_by,
            started_at: None,
            completed_at: None,
            undecided_since: None,
            ..before.run.clone()
        };
        self.add(run, within, within.plus(wait));
    }

    fn add(&mut self, run: OperationRun, queued: Window, due: Window) {
        let mut known = Known {
            run,
            chosen: Vec::new(),
            lease: None,
            lapses: queued,
            max_attempts: 0,
            successor: None,
        };
        known.chooses(Time::Queued, queued);
        known.chooses(Time::Due, due);
        self.order.push(known.run.id);
        let taken = self.known.insert(known.run.id, known);
        assert!(taken.is_none(), "an id is given once: {taken:?}");
    }

    /// The unfinished run that holds a unique key.
    pub(super) fn holder(
        &self,
        workspace: &WorkspaceId,
        tenant: &TenantId,
        operation: &OperationType,
        key: Option<&UniqueKey>,
    ) -> Option<RunId> {
        let key = key?;
        let holds = |known: &&Known| {
            let run = &known.run;
            run.status != RunStatus::Completed
                && run.unique_key.as_ref() == Some(key)
                && run.workspace_id == *workspace
                && run.tenant_id == *tenant
                && run.operation_type == *operation
        };
        self.known.values().find(holds).map(|holder| holder.run.id)
    }

    /// One of the runs that stand so, the newest first; of all of them where there is none.
    pub(super) fn pick(&self, number: u8, stands: impl Fn(&Known) -> bool) -> Option<RunId> {
        let such = |id: &&RunId| stands(&self.known[*id]);
        let some: Vec<RunId> = self.order.iter().rev().filter(such).copied().collect();
        let of = if some.is_empty() || number >= 240 {
            self.order.iter().rev().copied().collect()
        } else {
            some
        };
        of.get(usize::from(number).checked_rem(of.len())?).copied()
    }
}
