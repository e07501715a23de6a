//! The queue: whoever keeps it, repository or caller.

use std::slice::from_ref;
use std::time::Duration;

use countersign_domain::{OperationType, QueueName};
use countersign_ports::{Acked, Delivery, Push, QueueEntry, QueueUpkeep, Receive, RunKey};

use super::{Scene, eventually, patiently};

/// Longer than any case takes.
pub const AN_HOUR: Duration = Duration::from_secs(3600);

impl Scene {
    /// Pushes the entries of these runs.
    pub async fn enqueue(&self, keys: &[RunKey]) -> Vec<Push> {
        let entries: Vec<_> = self
            .load_all(keys)
            .await
            .iter()
            .map(QueueEntry::of)
            .collect();
        self.push(&entries).await
    }

    /// Pushes entries.
    pub async fn push(&self, entries: &[QueueEntry]) -> Vec<Push> {
        let pushed = patiently(|| self.ports.queue.push(entries)).await;
        assert_eq!(pushed.len(), entries.len(), "an answer for each");
        pushed
    }

    /// Pushes entries where the queue is the caller's to keep.
    pub async fn upkeep(&self, entries: impl IntoIterator<Item = QueueEntry>) {
        match self.ports.runs.queue_upkeep() {
            QueueUpkeep::InCommit => {}
            QueueUpkeep::Caller => {
                let entries: Vec<_> = entries.into_iter().collect();
                self.push(&entries).await;
            }
        }
    }

    /// Acks the delivery of a run that has left `queued`, where the queue is the caller's to keep.
    pub async fn settle(&self, delivery: &Delivery) {
        match self.ports.runs.queue_upkeep() {
            QueueUpkeep::InCommit => {}
            QueueUpkeep::Caller => assert_eq!(self.ack(delivery).await, Acked::Done),
        }
    }

    /// Acks one delivery.
    pub async fn ack(&self, delivery: &Delivery) -> Acked {
        let acked = patiently(|| self.ports.queue.ack(from_ref(delivery))).await;
        acked[0]
    }

    /// Puts one delivery off.
    pub async fn put_off(&self, delivery: &Delivery, wait: Duration) -> Acked {
        let queue = &self.ports.queue;
        let put_off = patiently(|| queue.put_off(from_ref(delivery), wait)).await;
        put_off[0]
    }

    /// Receives from a queue, for a while.
    pub async fn receive_from(
        &self,
        queue_name: &QueueName,
        operations: &[OperationType],
        limit: u32,
        invisible_for: Duration,
    ) -> Vec<Delivery> {
        let receive = Receive {
            queue_name,
            operations,
            limit,
            invisible_for,
        };
        let deliveries = patiently(|| self.ports.queue.receive(&receive)).await;
        assert!(
            deliveries.len() <= limit as usize,
            "at most as many as asked for"
        );
        deliveries
    }

    /// Receives whatever the scene's worker knows from the standard queue, invisible for an hour.
    pub async fn receive(&self, limit: u32) -> Vec<Delivery> {
        self.receive_for(limit, AN_HOUR).await
    }

    /// Receives whatever the scene's worker knows from the standard queue.
    pub async fn receive_for(&self, limit: u32, invisible_for: Duration) -> Vec<Delivery> {
        let queue_name = QueueName::standard();
        self.receive_from(&queue_name, &self.catalog.names(), limit, invisible_for)
            .await
    }

    /// Receives the one entry there is.
    pub async fn receive_one(&self, invisible_for: Duration) -> Delivery {
        let mut deliveries = self.receive_for(10, invisible_for).await;
        assert_eq!(deliveries.len(), 1, "one entry is due: {deliveries:?}");
        deliveries.remove(0)
    }

    /// Waits for the one entry that is to become due or visible.
    pub async fn receive_soon(&self) -> Delivery {
        eventually("an entry is delivered", || async {
            let mut deliveries = self.receive(10).await;
            assert!(deliveries.len() <= 1, "one entry: {deliveries:?}");
            deliveries.pop()
        })
        .await
    }

    /// Waits for the first entry that is due and visible, and hands it back a moment later.
    pub async fn receive_again(&self) -> Delivery {
        eventually("an entry comes back", || async {
            let mut deliveries = self.receive_for(1, Duration::from_millis(2)).await;
            deliveries.pop()
        })
        .await
    }
}
