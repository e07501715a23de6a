//! Carries commands out: on a store, and on the references, which say what must come of each.

mod authority;
mod end;
mod finish;
mod queue;
mod start;
mod submit;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use countersign_conformance::scene::{Running, Scene};
use countersign_domain::{RunId, Timestamp};
use countersign_ports::{Delivery, QueueUpkeep};

use super::authority::Authority;
use super::command::Command;
use super::entries::Entries;
use super::guarantees;
use super::runs::{Known, Runs};
use super::store::OwnStore;
use super::window::{Passing, Window};
use super::world::{SOON, beginning};
use start::Judged;

/// What has come of commands, in words, and how often.
pub(super) type Seen = BTreeMap<&'static str, u32>;

/// One sequence under way.
pub(super) struct Play {
    /// The same store as two processes see it; they take turns.
    scenes: [Scene; 2],
    turn: usize,
    passing: Passing,
    authority: Authority,
    runs: Runs,
    entries: Entries,
    /// What workers hold: deliveries, starts that were not sent or may be sent again, leases.
    deliveries: Vec<Delivery>,
    starts: Vec<Judged>,
    running: Vec<Running>,
    /// Runs whose handler was entered.
    entered: BTreeSet<RunId>,
    seen: Seen,
}

impl Play {
    /// Plays a sequence to its end.
    pub(super) async fn all(store: &OwnStore, commands: &[Command]) -> Seen {
        let mut play = Self::new(store).await;
        for (number, command) in commands.iter().enumerate() {
            play.step(*command).await;
            play.check(&format!("after command {number}, {command:?}"))
                .await;
        }
        play.end().await;
        play.seen
    }

    async fn new(store: &OwnStore) -> Self {
        let scene = async || Scene::bare(&store.open_told().await);
        let mut play = Self {
            scenes: [scene().await, scene().await],
            turn: 0,
            passing: store.passing(),
            authority: Authority::default(),
            runs: Runs::default(),
            entries: Entries::default(),
            deliveries: Vec::new(),
            starts: Vec::new(),
            running: Vec::new(),
            entered: BTreeSet::new(),
            seen: Seen::new(),
        };
        play.apply(&beginning(None)).await;
        play
    }

    async fn step(&mut self, command: Command) {
        self.turn += 1;
        self.passing.tick();
        match command {
            Command::Submit {
                ask,
                who,
                unique,
                priority,
                soon,
            } => self.submit(ask, who, unique, priority, soon).await,
            Command::Resubmit { run, same } => self.resubmit(run, same).await,
            Command::Change(change) => self.change(&[change]).await,
            Command::Changes(first, second) => self.change(&[first, second]).await,
            Command::Mend { for_good: true } => self.apply(&beginning(None)).await,
            Command::Mend { for_good: false } => {
                let soon = self.clock().await.plus(SOON);
                self.apply(&beginning(Some(soon))).await;
            }
            Command::Receive { limit, briefly } => self.receive(limit, briefly).await,
            Command::Drop { delivery } => {
                take(&mut self.deliveries, delivery);
            }
            Command::Ack { delivery } => self.ack(delivery).await,
            Command::PutBack { delivery } => self.put_back(delivery).await,
            Command::Judge { run, brief_lease } => self.judge(run, brief_lease).await,
            Command::Begin {
                start,
                count,
                late,
                keep,
            } => {
                if late {
                    self.pass(self.clock().await.plus(SOON)).await;
                }
                self.begin(start, count, keep).await;
            }
            Command::ReadBack { start } => self.read_back(start).await,
            Command::Finish { running, work } => self.finish(running, work).await,
            Command::Renew { running } => self.renew(running).await,
            Command::Lapse { running } => self.lapse(running).await,
            Command::Crash => {
                self.deliveries.clear();
                self.starts.clear();
                self.running.clear();
            }
            Command::Cancel { run } => self.cancel(run).await,
            Command::Retry { run } => self.retry(run).await,
            Command::PutOff { run, patient } => self.put_off(run, patient).await,
            Command::Sweep { limit } => self.sweep(u32::from(limit)).await,
            Command::Wait => self.pass(self.clock().await.plus(SOON)).await,
        }
    }

    /// Reads back every run, and holds the guarantees and the references against them.
    async fn check(&mut self, when: &str) {
        let keys: Vec<_> = self
            .runs
            .order
            .iter()
            .map(|id| self.runs.known[id].key())
            .collect();
        let stored = self.scene().load_all(&keys).await;
        for run in &stored {
            guarantees::hold(run, when);
            let known = self.runs.known.get_mut(&run.id).unwrap();
            known.settle(run);
            guarantees::hold_of(run, known, &self.entered, when);
        }
        guarantees::hold_between(&stored, when);
    }

    fn scene(&self) -> &Scene {
        &self.scenes[self.turn % 2]
    }

    async fn clock(&self) -> Timestamp {
        self.scene().clock().await
    }

    /// Calls a store, and tells when that was.
    async fn during<T>(&self, call: impl Future<Output = T>) -> (T, Window) {
        let from = self.clock().await;
        let answer = call.await;
        let to = self.clock().await;
        (answer, Window { from, to })
    }

    async fn pass(&self, time: Timestamp) {
        self.passing.past(time, self.scene()).await;
    }

    fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    fn known(&mut self, run: RunId) -> &mut Known {
        self.runs.known.get_mut(&run).unwrap()
    }

    /// Whether the store keeps the queue by itself.
    fn in_commit(&self) -> bool {
        match self.scene().ports.runs.queue_upkeep() {
            QueueUpkeep::InCommit => true,
            QueueUpkeep::Caller => false,
        }
    }

    /// A run has left `queued`.
    fn left(&mut self, run: RunId) {
        if self.in_commit() {
            self.entries.remove(run);
        }
    }
}

/// Picks one, the newest first.
fn at<T>(of: &[T], number: u8) -> Option<usize> {
    let back = usize::from(number).checked_rem(of.len())?;
    Some(of.len() - 1 - back)
}

/// Takes one out, the newest first.
fn take<T>(of: &mut Vec<T>, number: u8) -> Option<T> {
    at(of, number).map(|place| of.remove(place))
}
