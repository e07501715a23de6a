//! The queue: entries that are ready, and entries that wait for their time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::{OperationType, QueueName};
use countersign_ports::{
    Acked, Delivery, PortResult, Push, QueueEntry, Receive, RunQueue, StoreIdentity,
};

use crate::keys::Keys;
use crate::script::{Call, Script};
use crate::store::Shared;

pub(crate) mod bell;
mod push;
mod receive;
mod settle;

/// The queue in a Redis store.
#[derive(Debug, Clone)]
pub struct RedisQueue {
    shared: Arc<Shared>,
    /// What the last look at the queue left to wait for.
    watch: Arc<bell::Watch>,
}

impl RedisQueue {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            watch: Arc::default(),
        }
    }
}

#[async_trait]
impl RunQueue for RedisQueue {
    fn store(&self) -> &StoreIdentity {
        self.shared.identity()
    }

    async fn push(&self, entries: &[QueueEntry]) -> PortResult<Vec<Push>> {
        push::push(self, entries).await
    }

    async fn receive<'a>(&self, receive: &Receive<'a>) -> PortResult<Vec<Delivery>> {
        receive::receive(self, receive).await
    }

    async fn ack(&self, deliveries: &[Delivery]) -> PortResult<Vec<Acked>> {
        settle::ack(self, deliveries).await
    }

    async fn put_off(&self, deliveries: &[Delivery], wait: Duration) -> PortResult<Vec<Acked>> {
        settle::put_off(self, deliveries, wait).await
    }

    async fn wait(&self, at_most: Duration) {
        let bell = self.shared.bell();
        bell.wait(self.shared.link().client(), &self.watch, at_most)
            .await;
    }
}

/// Items of one queue on their way to a script, which takes operations by their places.
struct Batch<'a, T> {
    queue: &'a QueueName,
    operations: Vec<&'a OperationType>,
    places: HashMap<&'a OperationType, usize>,
    /// Each with its place among all, and that of its operation from 1.
    items: Vec<(usize, usize, T)>,
}

impl<'a, T> Batch<'a, T> {
    fn of(queue: &'a QueueName) -> Self {
        Self {
            queue,
            operations: Vec::new(),
            places: HashMap::new(),
            items: Vec::new(),
        }
    }

    fn add(&mut self, at: usize, operation: &'a OperationType, item: T) {
        let operations = &mut self.operations;
        let place = *self.places.entry(operation).or_insert_with(|| {
            operations.push(operation);
            operations.len()
        });
        self.items.push((at, place, item));
    }

    fn call(&self, script: &'static Script, keys: &Keys) -> Call {
        Call::script(script, script_keys(keys, self.queue, &self.operations))
    }
}

/// The keys of every script of the queue.
fn script_keys(keys: &Keys, queue: &QueueName, operations: &[&OperationType]) -> Vec<String> {
    let queue = keys.queue(queue);
    let mut named = vec![queue.entries()];
    for operation in operations {
        named.push(queue.ready(operation));
        named.push(queue.waiting(operation));
    }
    named
}
