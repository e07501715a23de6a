//! A Countersign adapter in memory: every port on one mutex. The worked example of how to keep the
//! guarantees, with nothing between the reader and the rules.
//!
//! | file | what it is about |
//! |---|---|
//! | `memory/ports.rs` | the three ports: take the lock, do it, let go |
//! | `memory/state.rs` | all there is: facts, revisions, runs, the queue, the clock |
//! | `memory/facts.rs` | who may do what, and which scopes a change touches |
//! | `memory/authority.rs` | looking up with a fence, applying, the log |
//! | `memory/show.rs` | authority told as changes |
//! | `memory/submit.rs` | submissions, ids and unique keys |
//! | `memory/begin.rs` | **the fence** |
//! | `memory/completion.rs` | renewals, completions, rescues, successors, retries |
//! | `memory/queued.rs` | what else befalls a queued run: cancelled, put off |
//! | `memory/listing.rs` | pages, backlog, entries |
//! | `memory/line.rs` | the queue |
//!
//! One lock around everything is what a transaction is to a database: nobody sees the half of a method.
//! What a durable adapter adds is durability, and a finer lock.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "there is no store that could fail: what is missing here is a mistake in this adapter"
)]

mod authority;
mod begin;
mod completion;
mod facts;
mod line;
mod listing;
mod ports;
mod queued;
mod show;
mod state;
mod submit;

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use countersign_conformance::{Harness, Ports};
use countersign_ports::{StoreIdentity, fresh_store_id};
use tokio::sync::Notify;

pub(crate) use line::Line;
pub(crate) use ports::answer;
pub(crate) use state::{State, entry_of};

/// A store in memory. Each clone is another process at the same store.
#[derive(Clone)]
pub(crate) struct Memory {
    identity: StoreIdentity,
    state: Arc<Mutex<State>>,
    arrivals: Arc<Notify>,
}

impl Memory {
    /// An empty store that keeps its queue in step in its own commits.
    pub(crate) fn new() -> Self {
        Self::keeping(Some(Line::default()))
    }

    /// An empty store that leaves the queue to its caller.
    pub(crate) fn without_queue() -> Self {
        Self::keeping(None)
    }

    fn keeping(line: Option<Line>) -> Self {
        let identity = StoreIdentity {
            id: fresh_store_id(),
            kind: "memory",
        };
        Self {
            state: Arc::new(Mutex::new(State::empty(identity.id, line))),
            identity,
            arrivals: Arc::default(),
        }
    }

    /// Everything, while nobody else has it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("nobody panics with the lock in hand")
    }
}

/// Runs, authority and queue in one store.
#[async_trait]
impl Harness for Memory {
    async fn open(&self) -> Ports {
        let store = Arc::new(self.clone());
        Ports::new(store.clone(), store.clone(), store)
    }

    async fn close(&self) {}
}
