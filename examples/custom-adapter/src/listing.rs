//! Many runs at once: pages, the backlog, the entries that the queue ought to have, and which runs go.

use std::cmp::Reverse;
use std::ops::Bound::{Excluded, Unbounded};

use countersign_domain::{OperationRun, RunId, RunStatus, SubmittedContext};
use countersign_ports::{
    Backlog, BacklogQuery, Candidate, ContextDetail, Prune, PrunePlace, Pruned, QueueEntry,
    RunCursor, RunFilter, RunKey, RunPage,
};

use super::state::State;

impl State {
    pub(crate) fn load(&mut self, key: &RunKey) -> Option<OperationRun> {
        self.row(key).map(|row| row.run.clone())
    }

    pub(crate) fn find(&self, run: RunId) -> Option<OperationRun> {
        self.runs.get(&run).map(|row| row.run.clone())
    }

    pub(crate) fn list(
        &self,
        filter: &RunFilter,
        after: Option<RunCursor>,
        limit: u32,
        detail: ContextDetail,
    ) -> RunPage {
        let mut found: Vec<(RunCursor, &OperationRun)> = self
            .runs
            .values()
            .map(|row| (place_of(&row.run), &row.run))
            .filter(|(place, run)| matches(filter, run) && after.is_none_or(|after| *place < after))
            .collect();
        found.sort_unstable_by_key(|(place, _)| Reverse(*place));
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().map(|(place, _)| *place);
        RunPage {
            next: last.filter(|_| more),
            runs: found
                .into_iter()
                .map(|(_, run)| match detail {
                    ContextDetail::Full => run.clone(),
                    ContextDetail::Omitted => OperationRun {
                        context: SubmittedContext::default(),
                        ..run.clone()
                    },
                })
                .collect(),
        }
    }

    /// Removes completed runs whose time is up, first those that were queued first.
    pub(crate) fn prune(&mut self, prune: &Prune) -> Pruned {
        let now = self.now();
        let after = prune.after.as_ref().and_then(|place| place.run);
        let mut aged: Vec<(RunCursor, &OperationRun)> = self
            .runs
            .values()
            .map(|row| (place_of(&row.run), &row.run))
            .filter(|(place, run)| run.queued_at <= prune.cutoff(now) && Some(*place) > after)
            .collect();
        aged.sort_unstable_by_key(|(place, _)| *place);
        let more = aged.len() > prune.limit as usize;
        aged.truncate(prune.limit as usize);
        let last = aged.last().map(|(place, run)| PrunePlace {
            workspace_id: run.workspace_id.clone(),
            run: Some(*place),
        });
        let page = aged.iter().map(|(_, run)| Candidate {
            id: run.id,
            outcome: run.outcome,
            completed_at: run.completed_at,
            predecessor: run.retry_of.filter(|id| self.runs.contains_key(id)),
        });
        let chosen = prune.choose(now, page);
        for run in &chosen.gone {
            self.runs.remove(run);
        }
        Pruned {
            removed: chosen.gone.len() as u64,
            kept: chosen.kept,
            next: last.filter(|_| more),
        }
    }

    pub(crate) fn queued_entries(&self, after: Option<RunId>, limit: u32) -> Vec<QueueEntry> {
        let from = after.map_or(Unbounded, Excluded);
        self.runs
            .range((from, Unbounded))
            .map(|(_, row)| &row.run)
            .filter(|run| run.status == RunStatus::Queued)
            .map(QueueEntry::of)
            .take(limit as usize)
            .collect()
    }

    pub(crate) fn backlog(&mut self, query: &BacklogQuery<'_>) -> Backlog {
        let now = self.now();
        let mut backlog = Backlog::default();
        for row in self.runs.values() {
            let run = &row.run;
            let known = run.queue_name == *query.queue_name
                && query.operations.contains(&run.operation_type);
            match run.status {
                RunStatus::Queued if !known => backlog.unknown += 1,
                RunStatus::Queued if run.due_at <= now => backlog.due += 1,
                RunStatus::Queued => backlog.later += 1,
                RunStatus::Running => backlog.running += 1,
                RunStatus::Completed => {}
            }
        }
        backlog
    }
}

fn place_of(run: &OperationRun) -> RunCursor {
    RunCursor {
        queued_at: run.queued_at,
        id: run.id,
    }
}

fn matches(filter: &RunFilter, run: &OperationRun) -> bool {
    let RunFilter {
        status,
        outcome,
        reason,
        workspace_id,
        tenant_id,
    } = filter;
    status.is_none_or(|status| status == run.status)
        && outcome.is_none_or(|outcome| outcome == run.outcome)
        && (reason.is_none() || *reason == reason_of(run))
        && workspace_id
            .as_ref()
            .is_none_or(|id| *id == run.workspace_id)
        && tenant_id.as_ref().is_none_or(|id| *id == run.tenant_id)
}

fn reason_of(run: &OperationRun) -> Option<countersign_domain::ReasonCode> {
    run.decision_record().ok()??.reason_code
}
