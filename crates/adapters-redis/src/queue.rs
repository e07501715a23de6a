//! The queue: a hint which runs are due.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_ports::{
    Acked, Delivery, PortResult, Push, QueueEntry, Receive, RunQueue, StoreIdentity,
};

use crate::store::Shared;

/// The queue in a Redis store.
#[derive(Debug, Clone)]
pub struct RedisQueue {
    shared: Arc<Shared>,
}

impl RedisQueue {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[async_trait]
impl RunQueue for RedisQueue {
    fn store(&self) -> &StoreIdentity {
        self.shared.identity()
    }

    async fn push(&self, _entries: &[QueueEntry]) -> PortResult<Vec<Push>> {
        Err(crate::error::unreadable("push", "the queue"))
    }

    async fn receive<'a>(&self, _receive: &Receive<'a>) -> PortResult<Vec<Delivery>> {
        Err(crate::error::unreadable("receive", "the queue"))
    }

    async fn ack(&self, _deliveries: &[Delivery]) -> PortResult<Vec<Acked>> {
        Err(crate::error::unreadable("ack", "the queue"))
    }

    async fn put_off(&self, _deliveries: &[Delivery], _wait: Duration) -> PortResult<Vec<Acked>> {
        Err(crate::error::unreadable("put_off", "the queue"))
    }

    async fn wait(&self, at_most: Duration) {
        tokio::time::sleep(at_most).await;
    }
}
