//! How running runs go on and end, and who takes over.

use countersign_domain::{
    ActorName, CancelNote, Failure, FailureCode, OperationRun, RunEvent, RunId, RunOutcome,
    RunStatus, Timestamp,
};
use countersign_ports::{
    Finish, Finished, QueueEntry, Renewal, Renewed, Rescue, Rescued, Retried, Retry, Work,
    fresh_run_id,
};

use super::state::State;

impl State {
    pub(crate) fn renew(&mut self, renewal: &Renewal) -> Renewed {
        let now = self.now();
        let Some(row) = self.row(&renewal.run) else {
            return Renewed::LeaseLost;
        };
        if !row.runs_under(renewal.lease_id) {
            return Renewed::LeaseLost;
        }
        if let Some(lease) = &mut row.lease {
            lease.until = now.plus(renewal.lease_for);
        }
        // Of denies and of flags, the first stays (G7).
        if row.run.continuity.is_none() {
            row.run.continuity = renewal.continuity.clone();
        }
        if row.flag.is_none() {
            row.flag = renewal.cancel.clone();
        }
        Renewed::Held {
            cancel: row.flag.clone(),
        }
    }

    pub(crate) fn finish(&mut self, finish: &Finish) -> Finished {
        let now = self.now();
        let Some(row) = self.row(&finish.run) else {
            return Finished::LeaseLost;
        };
        let its_lease = row.lease.is_some_and(|lease| lease.id == finish.lease_id);
        if !its_lease {
            return Finished::LeaseLost;
        }
        if row.run.status == RunStatus::Running {
            row.run.result = finish.result.clone();
            row.run.output = finish.output.clone();
            let (outcome, cancel, failure) = ending(&finish.work, row.flag.clone());
            row.run.cancel = cancel;
            row.run.failure = failure;
            row.step(RunEvent::Finish(outcome), now);
            if let Some(successor) = &finish.successor
                && outcome == RunOutcome::Failed
            {
                let due_at = now.plus(successor.wait);
                self.succeed(finish.run.id, successor.id, now, due_at, None);
            }
        }
        // What is on record is the answer, to the first who asks and to all the others.
        self.on_record(finish.run.id)
    }

    fn on_record(&self, run: RunId) -> Finished {
        let row = &self.runs[&run];
        let successor = row.successor.map(|id| QueueEntry::of(&self.runs[&id].run));
        Finished::Completed {
            outcome: row.run.outcome,
            successor,
        }
    }

    /// Rescues runs whose lease has lapsed, oldest first.
    pub(crate) fn rescue(&mut self, rescue: &Rescue) -> Vec<Rescued> {
        let now = self.now();
        let mut lapsed: Vec<(Timestamp, RunId)> = self
            .runs
            .values()
            .filter(|row| row.run.status == RunStatus::Running)
            .filter_map(|row| row.lease.map(|lease| (lease.until, row.run.id)))
            .filter(|(until, _)| *until <= now)
            .collect();
        lapsed.sort_unstable();
        lapsed.truncate(rescue.limit as usize);
        let rescued = lapsed.into_iter().map(|(_, run)| self.rescue_one(run, now));
        rescued.collect()
    }

    fn rescue_one(&mut self, run: RunId, now: Timestamp) -> Rescued {
        let row = self.runs.get_mut(&run).expect("a lapsed run");
        // Whoever comes back with this lease has lost it.
        row.lease = None;
        let mut successor = None;
        if let Some(note) = row.flag.clone() {
            row.run.cancel = Some(note);
            row.step(RunEvent::Finish(RunOutcome::Cancelled), now);
        } else {
            row.run.failure = Some(Failure {
                code: FailureCode::WorkerLost,
                message: "the worker's lease lapsed".to_owned(),
            });
            row.step(RunEvent::Lose, now);
            if row.run.attempt < row.max_attempts {
                successor = Some(self.succeed(run, fresh_run_id(), now, now, None));
            }
        }
        Rescued { run, successor }
    }

    pub(crate) fn retry(&mut self, retry: &Retry) -> Retried {
        let now = self.now();
        let Some(row) = self.runs.get(&retry.run) else {
            return Retried::NotFound;
        };
        if row.run.status != RunStatus::Completed {
            return Retried::NotCompleted;
        }
        if let Some(id) = row.successor {
            return Retried::Existing { id };
        }
        let run = &row.run;
        if let Some(key) = &run.unique_key
            && let Some(holder) =
                self.holder(&run.workspace_id, &run.tenant_id, &run.operation_type, key)
        {
            return Retried::UniqueKeyHeld { holder };
        }
        let by = Some(retry.requested_by.clone());
        Retried::Created(self.succeed(retry.run, retry.successor, now, now, by))
    }

    /// Queues the successor of a completed run: what was asked for, and none of what came of it.
    pub(crate) fn succeed(
        &mut self,
        of: RunId,
        id: RunId,
        now: Timestamp,
        due_at: Timestamp,
        requested_by: Option<ActorName>,
    ) -> QueueEntry {
        let row = self.runs.get_mut(&of).expect("the predecessor");
        row.successor = Some(id);
        let successor = OperationRun {
            id,
            status: RunStatus::Queued,
            outcome: RunOutcome::Pending,
            decision: None,
            continuity: None,
            result: None,
            output: None,
            failure: None,
            cancel: None,
            attempt: row.run.attempt + 1,
            retry_of: Some(of),
            requested_by,
            queued_at: now,
            due_at,
            started_at: None,
            completed_at: None,
            undecided_since: None,
            ..row.run.clone()
        };
        self.enqueue(successor)
    }
}

/// What work comes to: once the cancel flag is raised, whatever it came to, to `cancelled`.
fn ending(
    work: &Work,
    flag: Option<CancelNote>,
) -> (RunOutcome, Option<CancelNote>, Option<Failure>) {
    match (work, flag) {
        (_, Some(flag)) => (RunOutcome::Cancelled, Some(flag), None),
        (Work::Cancelled(note), None) => (RunOutcome::Cancelled, Some(note.clone()), None),
        (Work::Succeeded, None) => (RunOutcome::Succeeded, None, None),
        (Work::PartiallySucceeded, None) => (RunOutcome::PartiallySucceeded, None, None),
        (Work::Failed(failure), None) => (RunOutcome::Failed, None, Some(failure.clone())),
    }
}
