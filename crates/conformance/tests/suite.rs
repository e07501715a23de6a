//! The suite, run on the adapter in memory, with a queue of its own and with one that lives apart; and
//! held against adapters that were weakened on purpose.

mod memory;
mod weakened;

use std::sync::Arc;

use async_trait::async_trait;
use countersign_conformance::{Harness, Ports};

use memory::Memory;

/// Runs and authority in one store, the queue in another.
struct Mixed {
    store: Memory,
    queue: Memory,
}

#[async_trait]
impl Harness for Mixed {
    async fn open(&self) -> Ports {
        let store = Arc::new(self.store.clone());
        Ports::new(store.clone(), store, Arc::new(self.queue.clone()))
    }

    async fn close(&self) {}
}

countersign_conformance::suite!(|| async { Memory::new() });

countersign_conformance::suite!(mod with_a_queue_apart, || async {
    Mixed {
        store: Memory::without_queue(),
        queue: Memory::new(),
    }
});
