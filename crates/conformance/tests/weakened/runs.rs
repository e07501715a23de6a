//! The run repository, weakened.

use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::{OperationRun, RunId, Submission, Timestamp};
use countersign_ports::{
    Backlog, BacklogQuery, Begun, Cancellation, Cancelled, Candidacy, ContextDetail, Elected,
    Finish, Finished, PortError, PortErrorKind, PortResult, Prune, Pruned, PutOff, QueueEntry,
    QueueUpkeep, ReadBack, Renewal, Renewed, Rescue, Rescued, Retried, Retry, RunCursor, RunFilter,
    RunKey, RunPage, RunRepository, Start, StoreIdentity, Submitted, Undecided, UndecidedPolicy,
};

use super::completion::{lapsed, rescued, successor_after_all};
use super::start::{believe, force};
use super::{Weakened, Weakness};
use crate::memory::ports::answer;
use crate::memory::state::Row;

#[async_trait]
impl RunRepository for Weakened {
    fn store(&self) -> &StoreIdentity {
        RunRepository::store(&self.inner)
    }

    fn queue_upkeep(&self) -> QueueUpkeep {
        self.inner.queue_upkeep()
    }

    async fn clock(&self) -> PortResult<Timestamp> {
        let read = self.inner.clock().await?;
        let jumps = self.weakness == Weakness::ClockJumps && fastrand::bool();
        Ok(if jumps {
            read.minus(Duration::from_secs(1))
        } else {
            read
        })
    }

    async fn submit(&self, submissions: &[Submission]) -> PortResult<Vec<Submitted>> {
        if self.weakness == Weakness::PagesByTimeAlone {
            return self.inner.submit(submissions).await;
        }
        let mut answers = Vec::new();
        for submission in submissions {
            answers.push(self.submit_one(submission).await?);
        }
        Ok(answers)
    }

    async fn load(&self, runs: &[RunKey]) -> PortResult<Vec<Option<OperationRun>>> {
        if self.weakness == Weakness::AnyWorkspaceFindsARun {
            let ids: Vec<_> = runs.iter().map(|key| key.id).collect();
            return self.inner.find(&ids).await;
        }
        self.inner.load(runs).await
    }

    async fn find(&self, runs: &[RunId]) -> PortResult<Vec<Option<OperationRun>>> {
        self.inner.find(runs).await
    }

    async fn list(
        &self,
        filter: &RunFilter,
        after: Option<RunCursor>,
        limit: u32,
        detail: ContextDetail,
    ) -> PortResult<RunPage> {
        let mut filter = filter.clone();
        let mut after = after;
        if self.weakness == Weakness::ReasonNotFiltered {
            filter.reason = None;
        }
        if self.weakness == Weakness::WorkspaceNotFiltered {
            filter.workspace_id = None;
        }
        if self.weakness == Weakness::PagesByTimeAlone {
            // Whatever was queued at the time of the last run is skipped.
            after = after.map(|after| RunCursor {
                id: smallest_id(),
                ..after
            });
        }
        let detail = match self.weakness {
            Weakness::ContextsNeverOmitted => ContextDetail::Full,
            _ => detail,
        };
        let mut page = self.inner.list(&filter, after, limit, detail).await?;
        if self.weakness == Weakness::ListedOldestFirst {
            page.runs.reverse();
        }
        Ok(page)
    }

    async fn begin(&self, starts: &[Start]) -> PortResult<Vec<Begun>> {
        if self.weakness == Weakness::CheckedBeforeTheLock {
            let held: Vec<bool> = {
                let mut state = self.inner.lock();
                let now = state.now();
                starts.iter().map(|start| state.holds(start, now)).collect()
            };
            tokio::time::sleep(Duration::from_millis(1)).await;
            let mut state = self.inner.lock();
            let now = state.now();
            let started = starts.iter().zip(held).map(|(start, held)| match held {
                true => force(&mut state, start, now),
                false => answer(start, state.begin(start)),
            });
            return Ok(started.collect());
        }
        if self.weakness == Weakness::AnswersLate {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let begun: Vec<_> = {
                let mut state = self.inner.lock();
                starts.iter().map(|start| state.begin(start)).collect()
            };
            tokio::time::sleep(Duration::from_millis(3)).await;
            let answers = starts.iter().zip(begun);
            return Ok(answers.map(|(start, begun)| answer(start, begun)).collect());
        }
        let mut state = self.inner.lock();
        if self.weakness == Weakness::UnknownRunFailsTheBatch
            && starts
                .iter()
                .any(|start| !state.runs.contains_key(&start.run().id))
        {
            return Err(PortError::new(PortErrorKind::Other, "begin", "no such run"));
        }
        Ok(self.begin_all(&mut state, starts))
    }

    async fn read_back(&self, starts: &[Start]) -> PortResult<Vec<ReadBack>> {
        if self.weakness == Weakness::ReadBackBelieves {
            let mut state = self.inner.lock();
            return Ok(starts
                .iter()
                .map(|start| believe(&mut state, start))
                .collect());
        }
        self.inner.read_back(starts).await
    }

    async fn renew(&self, renewals: &[Renewal]) -> PortResult<Vec<Renewed>> {
        let mut state = self.inner.lock();
        let answers = renewals.iter().map(|renewal| {
            if let Some(row) = state.runs.get_mut(&renewal.run.id) {
                match self.weakness {
                    Weakness::LeaseIgnoredOnRenewal => {
                        row.lease
                            .iter_mut()
                            .for_each(|lease| lease.id = renewal.lease_id);
                    }
                    Weakness::LaterDenyKept if renewal.continuity.is_some() => {
                        row.run.continuity = None;
                    }
                    Weakness::LaterFlagKept if renewal.cancel.is_some() => row.flag = None,
                    _ => {}
                }
            }
            match (state.renew(renewal), self.weakness) {
                (Renewed::LeaseLost, Weakness::LeaseNeverLost) => Renewed::Held { cancel: None },
                (renewed, _) => renewed,
            }
        });
        Ok(answers.collect())
    }

    async fn finish(&self, finishes: &[Finish]) -> PortResult<Vec<Finished>> {
        let mut answers = Vec::new();
        for finish in finishes {
            let finished = {
                let mut state = self.inner.lock();
                let finished = self.finish_one(&mut state, finish);
                self.spoil_successors(&mut state);
                finished
            };
            if self.weakness == Weakness::SuccessorInASecondCommit {
                tokio::time::sleep(Duration::from_millis(2)).await;
                answers.push(successor_after_all(
                    &mut self.inner.lock(),
                    finish,
                    finished,
                ));
            } else {
                answers.push(finished);
            }
        }
        Ok(answers)
    }

    async fn put_off(
        &self,
        undecided: &[Undecided],
        policy: &UndecidedPolicy,
    ) -> PortResult<Vec<PutOff>> {
        if self.weakness == Weakness::UndecidedForgotten {
            let mut state = self.inner.lock();
            for one in undecided {
                if let Some(row) = state.row(&one.run) {
                    row.run.undecided_since = None;
                }
            }
        }
        let mut policy = *policy;
        if self.weakness == Weakness::LongestWaitIgnored {
            policy.longest_wait = Duration::MAX;
        }
        RunRepository::put_off(&self.inner, undecided, &policy).await
    }

    async fn cancel(&self, cancellations: &[Cancellation]) -> PortResult<Vec<Cancelled>> {
        let mut state = self.inner.lock();
        let answers = cancellations.iter().map(|one| {
            let queued = state.runs.get(&one.run).cloned();
            let cancelled = state.cancel(one);
            if let (Weakness::CancelLeavesItQueued, Cancelled::BeforeStart, Some(row)) =
                (self.weakness, cancelled, queued)
            {
                state.runs.insert(one.run, row);
            }
            cancelled
        });
        Ok(answers.collect())
    }

    async fn retry(&self, retries: &[Retry]) -> PortResult<Vec<Retried>> {
        let mut state = self.inner.lock();
        let answers = retries.iter().map(|retry| {
            if let Some(row) = state.runs.get_mut(&retry.run)
                && self.weakness == Weakness::SecondSuccessor
            {
                row.successor = None;
            }
            state.retry(retry)
        });
        let answers = answers.collect();
        self.spoil_successors(&mut state);
        Ok(answers)
    }

    async fn rescue(&self, rescue: &Rescue) -> PortResult<Vec<Rescued>> {
        if self.weakness == Weakness::RescuesInTwoSteps {
            let found = lapsed(&mut self.inner.lock(), rescue.limit);
            tokio::time::sleep(Duration::from_millis(1)).await;
            let mut state = self.inner.lock();
            state.rescue(rescue);
            return Ok(found.into_iter().map(|run| rescued(&state, run)).collect());
        }
        let mut state = self.inner.lock();
        let now = state.now();
        let mut leases = Vec::new();
        for row in state.runs.values_mut() {
            match self.weakness {
                Weakness::RescuesTheLiving => {
                    let leases = row.lease.iter_mut();
                    leases.for_each(|lease| lease.until = Timestamp::UNIX_EPOCH);
                }
                Weakness::RescuesWithoutLimit => row.max_attempts = u32::MAX,
                Weakness::RescueIgnoresTheFlag => row.flag = None,
                Weakness::RescuesNewestFirst => {
                    for lease in row.lease.iter_mut().filter(|lease| lease.until <= now) {
                        lease.until = Timestamp::UNIX_EPOCH.plus(now.since(lease.until));
                    }
                }
                _ => leases.extend(row.lease.map(|lease| (row.run.id, lease))),
            }
        }
        let rescued = state.rescue(rescue);
        if self.weakness == Weakness::RescueLeavesTheLease {
            for (run, lease) in leases {
                let row = state.runs.get_mut(&run);
                row.into_iter().for_each(|row| row.lease = Some(lease));
            }
        }
        Ok(rescued)
    }

    async fn queued_entries(
        &self,
        after: Option<RunId>,
        limit: u32,
    ) -> PortResult<Vec<QueueEntry>> {
        let mut entries = self.inner.queued_entries(after, limit).await?;
        if self.weakness == Weakness::EntriesSkipOne && after.is_some() && !entries.is_empty() {
            entries.remove(0);
        }
        Ok(entries)
    }

    async fn elect<'a>(&self, candidacy: &Candidacy<'a>) -> PortResult<Elected> {
        let elected = self.inner.elect(candidacy).await?;
        Ok(match self.weakness {
            Weakness::EverybodyElected => Elected::Holder,
            _ => elected,
        })
    }

    async fn step_down(&self, office: &str, holder: &str) -> PortResult<()> {
        self.inner.step_down(office, holder).await
    }

    async fn prune(&self, prune: &Prune) -> PortResult<Pruned> {
        let mut prune = prune.clone();
        let mut state = self.inner.lock();
        match self.weakness {
            Weakness::PrunesTheYoung => prune.older_than = Duration::ZERO,
            Weakness::PrunesTheBlocked => prune.keep_blocked = false,
            Weakness::PrunesTheUnfinished => state.runs.retain(|_, row| row.lease.is_some()),
            Weakness::PrunesSuccessorsFirst => {
                let follows = |row: &Row| row.run.retry_of.is_some();
                let is_over = |row: &Row| row.run.completed_at.is_some();
                state.runs.retain(|_, row| !(follows(row) && is_over(row)));
            }
            Weakness::PruneKeepsTheRest => prune.limit = prune.limit.min(1),
            _ => {}
        }
        let mut pruned = state.prune(&prune);
        if self.weakness == Weakness::PrunesOnePage || self.weakness == Weakness::PruneKeepsTheRest
        {
            pruned.next = None;
        }
        Ok(pruned)
    }

    async fn backlog<'a>(&self, query: &BacklogQuery<'a>) -> PortResult<Backlog> {
        let backlog = self.inner.backlog(query).await?;
        Ok(match self.weakness {
            Weakness::LaterCountedAsDue => Backlog {
                due: backlog.due + backlog.later,
                later: 0,
                ..backlog
            },
            _ => backlog,
        })
    }
}

/// The smallest run id there is.
fn smallest_id() -> RunId {
    "00000000-0000-7000-8000-000000000000".parse().unwrap()
}
