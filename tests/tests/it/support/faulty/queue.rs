//! A queue that does everything a queue may do wrong (G5).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use countersign_ports::{
    Acked, Delivery, PortResult, Push, QueueEntry, Receive, RunQueue, StoreIdentity,
};
use countersign_sqlite::SqliteQueue;

/// What it loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Losing {
    Nothing,
    /// The first so many entries that are pushed.
    Pushes(u64),
    /// The first so many entries that are delivered, for good.
    Deliveries(u64),
}

/// Loses entries, and delivers in reverse order and everything twice.
pub(crate) struct FaultyQueue {
    inner: SqliteQueue,
    losing: Losing,
    repeating: bool,
    seen: AtomicU64,
    lost: AtomicU64,
}

impl FaultyQueue {
    pub(crate) fn losing(inner: SqliteQueue, losing: Losing) -> Self {
        Self {
            inner,
            losing,
            repeating: false,
            seen: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// Delivers everything twice, in reverse order.
    pub(crate) fn repeating(inner: SqliteQueue) -> Self {
        Self {
            repeating: true,
            ..Self::losing(inner, Losing::Nothing)
        }
    }

    /// How many entries it has lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::SeqCst)
    }

    /// Whether the next entry is among the first so many.
    fn loses(&self, first: u64) -> bool {
        let lost = self.seen.fetch_add(1, Ordering::SeqCst) < first;
        if lost {
            self.lost.fetch_add(1, Ordering::SeqCst);
        }
        lost
    }
}

#[async_trait]
impl RunQueue for FaultyQueue {
    fn store(&self) -> &StoreIdentity {
        self.inner.store()
    }

    async fn push(&self, entries: &[QueueEntry]) -> PortResult<Vec<Push>> {
        let Losing::Pushes(first) = self.losing else {
            return self.inner.push(entries).await;
        };
        let kept: Vec<QueueEntry> = entries
            .iter()
            .filter(|_| !self.loses(first))
            .cloned()
            .collect();
        self.inner.push(&kept).await?;
        Ok(entries.iter().map(|_| Push::Added).collect())
    }

    async fn receive<'a>(&self, receive: &Receive<'a>) -> PortResult<Vec<Delivery>> {
        let mut deliveries = self.inner.receive(receive).await?;
        if let Losing::Deliveries(first) = self.losing {
            let (lost, kept) = deliveries.into_iter().partition(|_| self.loses(first));
            let lost: Vec<Delivery> = lost;
            self.inner.ack(&lost).await?;
            deliveries = kept;
        }
        if self.repeating {
            let twice = deliveries.clone();
            deliveries.extend(twice);
            deliveries.reverse();
        }
        Ok(deliveries)
    }

    async fn ack(&self, deliveries: &[Delivery]) -> PortResult<Vec<Acked>> {
        self.inner.ack(deliveries).await
    }

    async fn put_off(&self, deliveries: &[Delivery], wait: Duration) -> PortResult<Vec<Acked>> {
        self.inner.put_off(deliveries, wait).await
    }

    async fn wait(&self, at_most: Duration) {
        self.inner.wait(at_most).await;
    }
}
