//! The queue: entries in order, each visible from some time on.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use countersign_domain::{RunId, Timestamp};
use countersign_ports::{Acked, Delivery, Push, QueueEntry, Receipt, Receive};

/// The entries, one a run.
#[derive(Default)]
pub(crate) struct Line {
    pub(crate) waiting: BTreeMap<RunId, Waiting>,
    deliveries: u64,
}

pub(crate) struct Waiting {
    pub(crate) entry: QueueEntry,
    /// Neither due nor visible before this.
    pub(crate) from: Timestamp,
    /// The latest delivery.
    pub(crate) receipt: Option<Receipt>,
}

impl Line {
    pub(crate) fn push(&mut self, entry: &QueueEntry) -> Push {
        if self.waiting.contains_key(&entry.run.id) {
            return Push::Present;
        }
        let waiting = Waiting {
            entry: entry.clone(),
            from: entry.due_at,
            receipt: None,
        };
        self.waiting.insert(entry.run.id, waiting);
        Push::Added
    }

    pub(crate) fn receive(&mut self, receive: &Receive<'_>, now: Timestamp) -> Vec<Delivery> {
        let mut due: Vec<&mut Waiting> = self
            .waiting
            .values_mut()
            .filter(|one| one.from <= now)
            .filter(|one| one.entry.queue_name == *receive.queue_name)
            .filter(|one| receive.operations.contains(&one.entry.operation_type))
            .collect();
        due.sort_by_key(|one| {
            (
                Reverse(one.entry.priority),
                one.entry.due_at,
                one.entry.run.id,
            )
        });
        due.truncate(receive.limit as usize);
        due.into_iter()
            .map(|one| {
                self.deliveries += 1;
                let receipt = Receipt(self.deliveries.to_string());
                one.from = now.plus(receive.invisible_for);
                one.receipt = Some(receipt.clone());
                Delivery {
                    run: one.entry.run.clone(),
                    operation_type: one.entry.operation_type.clone(),
                    receipt,
                }
            })
            .collect()
    }

    pub(crate) fn ack(&mut self, delivery: &Delivery) -> Acked {
        if self.in_hand(delivery).is_none() {
            return Acked::Stale;
        }
        self.waiting.remove(&delivery.run.id);
        Acked::Done
    }

    pub(crate) fn put_off(&mut self, delivery: &Delivery, wait: Duration, now: Timestamp) -> Acked {
        match self.in_hand(delivery) {
            None => Acked::Stale,
            Some(waiting) => {
                waiting.from = now.plus(wait);
                Acked::Done
            }
        }
    }

    fn in_hand(&mut self, delivery: &Delivery) -> Option<&mut Waiting> {
        let waiting = self.waiting.get_mut(&delivery.run.id);
        waiting.filter(|one| one.receipt.as_ref() == Some(&delivery.receipt))
    }

    /// Removes the entry of a run that has left `queued`.
    pub(crate) fn remove(&mut self, run: RunId) {
        self.waiting.remove(&run);
    }

    /// Makes an entry wait for as long as its run does.
    pub(crate) fn postpone(&mut self, run: RunId, until: Timestamp) {
        if let Some(waiting) = self.waiting.get_mut(&run) {
            waiting.entry.due_at = until;
            waiting.from = until;
        }
    }
}
