//! The reference for the queue: which runs it has entries of, and when each is visible.

use std::collections::BTreeMap;

use countersign_domain::{OperationRun, RunId};
use countersign_ports::{Acked, Delivery, Receipt};

use super::window::{Come, Window};

/// The entries that the queue has.
#[derive(Debug, Default)]
pub(super) struct Entries(BTreeMap<RunId, Entry>);

#[derive(Debug)]
struct Entry {
    visible: Window,
    priority: i16,
    receipt: Option<Receipt>,
}

impl Entries {
    /// A run was queued, and its entry pushed.
    pub(super) fn push(&mut self, run: &OperationRun, due: Window) {
        let entry = Entry {
            visible: due,
            priority: run.priority,
            receipt: None,
        };
        self.0.entry(run.id).or_insert(entry);
    }

    pub(super) fn remove(&mut self, run: RunId) {
        self.0.remove(&run);
    }

    pub(super) fn has(&self, run: RunId) -> bool {
        self.0.contains_key(&run)
    }

    /// Holds what was received against what was there: nothing but visible entries, none of them twice, the most
    /// urgent first, and as many as were asked for. Then they are invisible until the window that is given.
    pub(super) fn receive(
        &mut self,
        received: &[Delivery],
        limit: usize,
        during: Window,
        until: Window,
    ) {
        let visible: BTreeMap<RunId, i16> = self
            .0
            .iter()
            .filter(|(_, entry)| entry.visible.has_come_by(during) == Come::Yes)
            .map(|(run, entry)| (*run, entry.priority))
            .collect();
        let mut least_urgent = i16::MAX;
        for delivery in received {
            let entry = self.0.get_mut(&delivery.run_id());
            let entry =
                entry.unwrap_or_else(|| panic!("received what is not queued: {delivery:?}"));
            assert_ne!(
                entry.visible.has_come_by(during),
                Come::No,
                "{delivery:?} was not visible yet, {entry:?} during {during:?}"
            );
            assert!(entry.priority <= least_urgent, "the most urgent come first");
            least_urgent = entry.priority;
            entry.visible = until;
            let receipt = Some(delivery.receipt.clone());
            assert_ne!(
                entry.receipt, receipt,
                "each delivery has a receipt of its own"
            );
            entry.receipt = receipt;
        }
        let left = |run: &RunId| received.iter().all(|delivery| delivery.run_id() != *run);
        for (run, priority) in visible.iter().filter(|(run, _)| left(run)) {
            assert!(
                received.len() == limit && *priority <= least_urgent,
                "{run} was visible, and not received during {during:?}: {received:?}"
            );
        }
    }

    /// What acking or putting off a delivery has to come to.
    pub(super) fn settles(&self, delivery: &Delivery) -> Acked {
        match self.0.get(&delivery.run_id()) {
            Some(entry) if entry.receipt.as_ref() == Some(&delivery.receipt) => Acked::Done,
            Some(_) | None => Acked::Stale,
        }
    }

    /// The entry is visible again at some time of this window.
    pub(super) fn put_off(&mut self, run: RunId, until: Window) {
        if let Some(entry) = self.0.get_mut(&run) {
            entry.visible = until;
        }
    }

    /// The entry is not visible before this window, and then as soon as nobody holds it: some queues keep those
    /// two apart, some do not.
    pub(super) fn reschedule(&mut self, run: RunId, until: Window) {
        if let Some(entry) = self.0.get_mut(&run) {
            entry.visible = Window {
                from: until.from,
                to: until.to.max(entry.visible.to),
            };
        }
    }
}
