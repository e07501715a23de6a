//! The queue: deliveries, and what workers do with them; runs that are put off; the sweeper.

use std::collections::BTreeSet;
use std::slice::from_ref;
use std::time::Duration;

use countersign_conformance::scene::{AN_HOUR, patiently};
use countersign_domain::{CancelNote, Failure, FailureCode, RunId, RunOutcome, RunStatus};
use countersign_ports::{Acked, Push, PutOff, QueueEntry, Rescued, Undecided, UndecidedPolicy};

use super::super::runs::Time;
use super::super::window::{Come, Window};
use super::super::world::BRIEF;
use super::{Play, take};

/// How much the sweeper reads at once.
const PAGE: u32 = 7;

const CAUSE: &str = "the authority cannot be read";

impl Play {
    pub(super) async fn receive(&mut self, limit: u8, briefly: bool) {
        let invisible_for = if briefly { BRIEF } else { AN_HOUR };
        let receive = self.scene().receive_for(limit.into(), invisible_for);
        let (deliveries, during) = self.during(receive).await;
        let until = during.plus(invisible_for);
        self.entries
            .receive(&deliveries, limit.into(), during, until);
        if !deliveries.is_empty() {
            self.saw("delivered");
        }
        self.deliveries.extend(deliveries);
        if briefly {
            self.pass(until.to).await;
        }
    }

    pub(super) async fn ack(&mut self, delivery: u8) {
        if let Some(delivery) = take(&mut self.deliveries, delivery) {
            let expected = self.entries.settles(&delivery);
            assert_eq!(
                self.scene().ack(&delivery).await,
                expected,
                "ack of {delivery:?}"
            );
            match expected {
                Acked::Done => {
                    self.entries.remove(delivery.run_id());
                    self.saw("acked");
                }
                Acked::Stale => self.saw("acked too late"),
            }
        }
    }

    pub(super) async fn put_back(&mut self, delivery: u8) {
        if let Some(delivery) = take(&mut self.deliveries, delivery) {
            let expected = self.entries.settles(&delivery);
            let (put_off, during) = self.during(self.scene().put_off(&delivery, BRIEF)).await;
            assert_eq!(put_off, expected, "{delivery:?} is put off");
            if expected == Acked::Done {
                self.entries.put_off(delivery.run_id(), during.plus(BRIEF));
            }
        }
    }

    /// G6: undecided runs stay queued, until that has lasted too long.
    pub(super) async fn put_off(&mut self, run: u8, patient: bool) {
        let Some(run) = self.runs.pick(run, |known| known.is(RunStatus::Queued)) else {
            return;
        };
        let policy = UndecidedPolicy {
            first_wait: BRIEF,
            longest_wait: BRIEF * 3,
            give_up_after: if patient { AN_HOUR } else { Duration::ZERO },
        };
        let undecided = [Undecided {
            run: self.known(run).key(),
            cause: CAUSE.to_owned(),
        }];
        let call = patiently(|| self.scene().ports.runs.put_off(&undecided, &policy));
        let (mut put_off, during) = self.during(call).await;
        let known = self.known(run);
        let is_queued = known.is(RunStatus::Queued);
        let since = known.run.undecided_since;
        match put_off.remove(0) {
            PutOff::Waiting { since: told, until } if is_queued && patient => {
                assert_eq!(since.unwrap_or(told), told, "since the first time");
                if since.is_none() {
                    known.chooses(Time::Undecided, during);
                }
                let longest = during.plus(policy.longest_wait);
                assert!(during.plus(BRIEF).from <= until && until <= longest.to);
                if self.in_commit() {
                    self.entries.reschedule(run, Window::at(until));
                }
                self.saw("put off");
            }
            PutOff::GaveUp if is_queued && !patient => {
                if since.is_none() {
                    known.chooses(Time::Undecided, during);
                }
                known.run.failure = Some(Failure {
                    code: FailureCode::AuthorityUnavailable,
                    message: CAUSE.to_owned(),
                });
                known.complete(RunOutcome::Failed, during);
                self.left(run);
                self.saw("given up");
            }
            PutOff::NotQueued if !is_queued => {}
            other => panic!("{other:?} of {:?}", known.run),
        }
    }

    /// Rescues, and brings back what the queue has lost.
    pub(super) async fn sweep(&mut self, limit: u32) {
        let (rescued, during) = self.during(self.scene().rescue(limit)).await;
        let lapsed = self.lapsed(during);
        assert!(
            rescued.len() >= lapsed.len().min(limit as usize),
            "{lapsed:?} have lapsed, rescued were {rescued:?}"
        );
        for rescued in rescued {
            self.rescued(rescued, during);
        }
        self.restore().await;
    }

    /// The runs whose lease has surely lapsed.
    fn lapsed(&self, during: Window) -> Vec<RunId> {
        let known = self.runs.known.values();
        known
            .filter(|known| known.is(RunStatus::Running))
            .filter(|known| known.lapses.has_come_by(during) == Come::Yes)
            .map(|known| known.run.id)
            .collect()
    }

    /// G5: a successor, unless the limit is reached; after a cancel, none.
    fn rescued(&mut self, rescued: Rescued, during: Window) {
        let known = self.known(rescued.run);
        assert!(known.is(RunStatus::Running), "rescued: {:?}", known.run);
        let lapses = known.lapses;
        assert_ne!(
            lapses.has_come_by(during),
            Come::No,
            "rescued with its lease"
        );
        known.lease = None;
        let again = match &known.run.cancel {
            Some(CancelNote { .. }) => {
                known.complete(RunOutcome::Cancelled, during);
                false
            }
            None => {
                known.run.failure = Some(Failure {
                    code: FailureCode::WorkerLost,
                    message: "the worker's lease lapsed".to_owned(),
                });
                known.complete(RunOutcome::Failed, during);
                known.run.attempt < known.max_attempts
            }
        };
        assert_eq!(rescued.successor.is_some(), again, "after {:?}", known.run);
        match rescued.successor {
            Some(entry) => {
                self.succeeded(rescued.run, &entry, Duration::ZERO, during);
                self.saw("rescued");
            }
            None => self.saw("rescued for the last time"),
        }
    }

    /// An automatic successor was queued.
    pub(super) fn succeeded(
        &mut self,
        predecessor: RunId,
        entry: &QueueEntry,
        wait: Duration,
        during: Window,
    ) {
        self.runs
            .succeed(predecessor, entry.run.id, None, wait, during);
        self.queued(entry.run.id, wait, during);
    }

    /// A successor that is named once more is pushed once more, by whoever pushes: its entry may be lost.
    pub(super) fn named_again(&mut self, entry: &QueueEntry) {
        if !self.in_commit() {
            let run = &self.runs.known[&entry.run.id].run;
            self.entries.push(run, Window::at(entry.due_at));
        }
    }

    /// G5: the queue can be rebuilt from the repository, which names every queued run and no other.
    async fn restore(&mut self) {
        let mut named = BTreeSet::new();
        let mut after = None;
        loop {
            let runs = &self.scene().ports.runs;
            let page = patiently(|| runs.queued_entries(after, PAGE)).await;
            let Some(last) = page.last() else { break };
            after = Some(last.run.id);
            for entry in &page {
                self.push(entry).await;
                assert!(named.insert(entry.run.id), "named twice: {entry:?}");
            }
        }
        let known = self.runs.known.values();
        let queued = known.filter(|known| known.is(RunStatus::Queued));
        let queued: BTreeSet<_> = queued.map(|known| known.run.id).collect();
        assert_eq!(named, queued, "the entries that the queue ought to have");
    }

    async fn push(&mut self, entry: &QueueEntry) {
        let pushed = self.scene().push(from_ref(entry)).await;
        let expected = match self.entries.has(entry.run.id) {
            true => Push::Present,
            false => Push::Added,
        };
        assert_eq!(pushed, [expected], "{entry:?}");
        if expected == Push::Added {
            self.saw("restored");
        }
        let run = &self.runs.known[&entry.run.id].run;
        self.entries.push(run, Window::at(entry.due_at));
    }
}
