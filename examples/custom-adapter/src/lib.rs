//! A Countersign adapter in memory: every port on one mutex. The worked example of how to keep the
//! guarantees, with nothing between the reader and the rules.
//!
//! | file | what it is about |
//! |---|---|
//! | `src/ports.rs` | the three ports: take the lock, do it, let go |
//! | `src/state.rs` | all there is: facts, revisions, runs, the queue, the clock |
//! | `src/facts.rs` | who may do what, and which scopes a change touches |
//! | `src/authority.rs` | looking up with a fence, applying, the log |
//! | `src/show.rs` | authority told as changes |
//! | `src/submit.rs` | submissions, ids and unique keys |
//! | `src/begin.rs` | **the fence** |
//! | `src/completion.rs` | renewals, completions, rescues, successors, retries |
//! | `src/queued.rs` | what else befalls a queued run: cancelled, put off |
//! | `src/listing.rs` | pages, backlog, entries |
//! | `src/line.rs` | the queue |
//!
//! One lock around everything is what a transaction is to a database: nobody sees the half of a method.
//! What a durable adapter adds is durability, and a finer lock.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "there is no store that could fail: what is missing here is a mistake in this adapter"
)]

pub(crate) mod authority;
pub(crate) mod begin;
pub(crate) mod completion;
pub(crate) mod facts;
pub(crate) mod line;
pub(crate) mod listing;
pub(crate) mod ports;
pub(crate) mod queued;
pub(crate) mod show;
pub(crate) mod state;
pub(crate) mod submit;

use std::sync::{Arc, Mutex, MutexGuard};

use countersign_ports::{StoreIdentity, fresh_store_id};
use tokio::sync::Notify;

use line::Line;
use state::State;

/// A store in memory. Each clone is another process at the same store.
#[derive(Clone)]
pub struct Memory {
    identity: StoreIdentity,
    state: Arc<Mutex<State>>,
    arrivals: Arc<Notify>,
}

impl Memory {
    /// An empty store that keeps its queue in step in its own commits.
    #[must_use]
    pub fn with_queue() -> Self {
        Self::keeping(Some(Line::default()))
    }

    /// An empty store that leaves the queue to its caller.
    #[must_use]
    pub fn without_queue() -> Self {
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
