//! One round: workers begin runs while others change what those rest on, all at once.

use std::sync::Arc;

use countersign_conformance::scene::{AN_HOUR, Came, Scene};
use countersign_ports::{Authority, RunKey, Start};
use fastrand::Rng;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::facts::{PLACES, SWITCHES, Switch, all_on, run_at};
use super::history::{Actor, History};
use super::sequential::{Op, Ret};
use crate::model::{Kind, OwnStore};

/// Workers, each with connections of its own; and those who change authority.
const WORKERS: usize = 3;
const CHANGERS: usize = 2;

/// Runs at each place, all of which every worker begins.
pub(super) const RUNS: usize = 2;

/// Changes that each of them makes.
const CHANGES: usize = 3;

/// How a worker fences its starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fencing {
    /// By the revisions that its facts were read with.
    AsLookedUp,
    /// By revisions that are read once more when the decision is made: what must not be done.
    Refreshed,
}

/// A store, and everybody who acts on it.
pub(super) struct Race {
    store: OwnStore,
    scenes: Vec<Scene>,
    fencing: Fencing,
}

/// What a round came to: the histories of its places.
pub(super) type Histories = Arc<[History; PLACES.len()]>;

impl Race {
    pub(super) async fn on(kind: Kind, fencing: Fencing) -> Self {
        let store = OwnStore::of(kind);
        let mut scenes = Vec::new();
        for _ in 0..WORKERS + CHANGERS {
            scenes.push(Scene::bare(&store.open().await));
        }
        Self {
            store,
            scenes,
            fencing,
        }
    }

    /// Throws the store away.
    pub(super) async fn close(self) {
        drop(self.scenes);
        self.store.remove().await;
    }

    /// Plays one round; what is drawn depends on its number.
    pub(super) async fn round(&self, number: u64) -> Histories {
        let first = &self.scenes[0];
        first.apply(&all_on()).await;
        let mut keys = Vec::new();
        for place in 0..PLACES.len() {
            let runs = (0..RUNS).map(|_| run_at(place));
            let queued = first.submit_all(runs).await;
            keys.extend(
                queued
                    .into_iter()
                    .enumerate()
                    .map(|(run, key)| (place, run, key)),
            );
        }
        let histories = Histories::default();
        let together = Arc::new(Barrier::new(self.scenes.len()));
        let mut acting = JoinSet::new();
        for (actor, scene) in self.scenes.iter().cloned().enumerate() {
            let rng = Rng::with_seed(number << 8 | actor as u64);
            let part = Part {
                actor,
                scene,
                rng,
                histories: histories.clone(),
                fencing: self.fencing,
            };
            let (keys, together) = (keys.clone(), together.clone());
            acting.spawn(async move {
                if actor < WORKERS {
                    part.work(keys, &together).await;
                } else {
                    part.change(&together).await;
                }
            });
        }
        acting.join_all().await;
        histories
    }
}

/// What one of them does.
struct Part {
    actor: Actor,
    scene: Scene,
    rng: Rng,
    histories: Histories,
    fencing: Fencing,
}

impl Part {
    /// Begins every run: the first by what was judged before anything changed, and each once more where its
    /// authority has moved.
    async fn work(mut self, mut keys: Vec<(usize, usize, RunKey)>, together: &Barrier) {
        self.rng.shuffle(&mut keys);
        let mut first = Some(self.look_up(&keys[0].2).await);
        together.wait().await;
        for (place, run, key) in keys {
            for _ in 0..2 {
                let authority = match first.take() {
                    Some(authority) => authority,
                    None => self.look_up(&key).await,
                };
                let start = self.judge(&key, authority).await;
                match self.begin(place, run, &start).await {
                    Came::Moved | Came::Busy => {}
                    Came::Started | Came::Blocked | Came::NotQueued | Came::CancelRequested => {
                        break;
                    }
                }
            }
        }
    }

    async fn look_up(&self, key: &RunKey) -> Authority {
        let run = self.scene.load(key).await;
        self.scene.look_up(&self.scene.context(&run).query()).await
    }

    async fn judge(&self, key: &RunKey, authority: Authority) -> Start {
        let run = self.scene.load(key).await;
        let context = self.scene.context(&run);
        let authority = match self.fencing {
            Fencing::AsLookedUp => authority,
            Fencing::Refreshed => {
                let fence = self.scene.look_up(authority.query()).await.fence().clone();
                let (rows, as_of) = (authority.rows().clone(), authority.facts().as_of);
                Authority::resolved(authority.query().clone(), rows, as_of, fence)
            }
        };
        self.scene.judge_by(&context, &authority, AN_HOUR, None)
    }

    async fn begin(&self, place: usize, run: usize, start: &Start) -> Came {
        let history = &self.histories[place];
        history.invoked(self.actor, Op::Begin(run));
        let came = self.scene.begin_one(start).await;
        history.returned(self.actor, Ret::Came(came));
        came
    }

    async fn change(mut self, together: &Barrier) {
        let mut drawn: Vec<(Switch, usize, bool)> = Vec::new();
        for _ in 0..CHANGES {
            let switch = SWITCHES[self.rng.usize(..SWITCHES.len())];
            let place = self.rng.usize(..PLACES.len());
            // What was switched off is switched on again, now and then.
            match drawn.last() {
                Some((switch, place, false)) if self.rng.bool() => {
                    drawn.push((*switch, *place, true))
                }
                Some(_) | None => drawn.push((switch, place, self.rng.u8(..4) == 0)),
            }
        }
        together.wait().await;
        for (switch, place, on) in drawn {
            self.switch(switch, place, on).await;
        }
    }

    /// A change that concerns both places stands in both histories.
    async fn switch(&self, switch: Switch, place: usize, on: bool) {
        let effects = switch.effects(place, on);
        for (place, effect) in &effects {
            self.histories[*place].invoked(self.actor, Op::Change(*effect));
        }
        self.scene.apply(&switch.changes(place, on)).await;
        for (place, _) in &effects {
            self.histories[*place].returned(self.actor, Ret::Changed);
        }
    }
}
