//! The adapter passes every case of the conformance suite, with its own queue and with one in another store.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_conformance::{Harness, Ports};
use countersign_custom_adapter::Memory;

/// Runs and authority in one store, the queue in that one or in another.
struct InMemory {
    store: Memory,
    queue: Memory,
}

impl InMemory {
    fn together() -> Self {
        let store = Memory::with_queue();
        Self {
            queue: store.clone(),
            store,
        }
    }

    fn apart() -> Self {
        Self {
            store: Memory::without_queue(),
            queue: Memory::with_queue(),
        }
    }
}

#[async_trait]
impl Harness for InMemory {
    async fn open(&self) -> Ports {
        let store = Arc::new(self.store.clone());
        Ports::new(store.clone(), store, Arc::new(self.queue.clone()))
    }

    async fn close(&self) {}
}

countersign_conformance::suite!(|| async { InMemory::together() });

countersign_conformance::suite!(mod with_a_queue_apart, || async { InMemory::apart() });
