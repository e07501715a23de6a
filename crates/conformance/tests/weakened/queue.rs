//! The queue, weakened.

use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::{OperationType, Timestamp};
use countersign_ports::{
    Acked, Delivery, PortResult, Push, QueueEntry, Receive, RunQueue, StoreIdentity,
};

use super::{Weakened, Weakness};
use crate::memory::line::Line;

#[async_trait]
impl RunQueue for Weakened {
    fn store(&self) -> &StoreIdentity {
        RunQueue::store(&self.inner)
    }

    async fn push(&self, entries: &[QueueEntry]) -> PortResult<Vec<Push>> {
        if self.weakness == Weakness::PushStartsOver {
            self.with_line(|line| entries.iter().for_each(|entry| line.remove(entry.run.id)));
            self.inner.push(entries).await?;
            return Ok(vec![Push::Present; entries.len()]);
        }
        self.inner.push(entries).await
    }

    async fn receive<'a>(&self, receive: &Receive<'a>) -> PortResult<Vec<Delivery>> {
        let mut operations: Vec<OperationType> = receive.operations.to_vec();
        self.with_line(|line| {
            for one in line.waiting.values_mut() {
                match self.weakness {
                    Weakness::VisibilityIgnored if one.receipt.is_some() => {
                        one.from = one.entry.due_at;
                    }
                    Weakness::DueIgnored if one.receipt.is_none() => {
                        one.from = Timestamp::UNIX_EPOCH;
                    }
                    Weakness::PriorityIgnored => one.entry.priority = 0,
                    Weakness::OperationsIgnored => {
                        operations.push(one.entry.operation_type.clone());
                    }
                    _ => {}
                }
            }
        });
        let receive = Receive {
            operations: &operations,
            ..receive.clone()
        };
        let mut received = self.inner.receive(&receive).await?;
        if self.weakness == Weakness::PiecesOutOfOrder && received.len() > 250 {
            received.rotate_left(250);
        }
        Ok(received)
    }

    async fn ack(&self, deliveries: &[Delivery]) -> PortResult<Vec<Acked>> {
        self.accept(deliveries);
        self.inner.ack(deliveries).await
    }

    async fn put_off(&self, deliveries: &[Delivery], wait: Duration) -> PortResult<Vec<Acked>> {
        self.accept(deliveries);
        RunQueue::put_off(&self.inner, deliveries, wait).await
    }

    async fn wait(&self, at_most: Duration) {
        if self.weakness == Weakness::WaitsForEver {
            std::future::pending::<()>().await;
        }
        if self.weakness == Weakness::NeverWaits {
            return;
        }
        if self.weakness == Weakness::NeverWakes {
            return tokio::time::sleep(at_most).await;
        }
        self.inner.wait(at_most).await;
    }
}

impl Weakened {
    fn with_line(&self, change: impl FnOnce(&mut Line)) {
        if let Some(line) = &mut self.inner.lock().line {
            change(line);
        }
    }

    /// Takes any receipt for the latest.
    fn accept(&self, deliveries: &[Delivery]) {
        if self.weakness != Weakness::OldReceiptAccepted {
            return;
        }
        self.with_line(|line| {
            for delivery in deliveries {
                if let Some(one) = line.waiting.get_mut(&delivery.run.id) {
                    one.receipt = Some(delivery.receipt.clone());
                }
            }
        });
    }
}
