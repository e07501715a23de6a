//! The queue as a hint: lost in part or whole, damaged, and told of.

mod bell;
mod lost;

use countersign_conformance::Ports;
use countersign_conformance::change::id;
use countersign_domain::{OperationType, QueueName, Timestamp};
use countersign_ports::{Delivery, QueueEntry, Receive, RunKey, fresh_run_id};

use std::time::Duration;

const AN_HOUR: Duration = Duration::from_secs(3600);

/// An entry of the standard queue that is due.
fn entry(operation: &str) -> QueueEntry {
    QueueEntry {
        run: RunKey {
            id: fresh_run_id(),
            workspace_id: id("w"),
        },
        operation_type: id(operation),
        queue_name: QueueName::standard(),
        priority: 0,
        due_at: Timestamp::UNIX_EPOCH,
    }
}

/// Receives up to ten entries of two operations.
async fn receive(ports: &Ports, invisible_for: Duration) -> Vec<Delivery> {
    let operations: [OperationType; 2] = ["one", "other"].map(id);
    let receive = Receive {
        queue_name: &QueueName::standard(),
        operations: &operations,
        limit: 10,
        invisible_for,
    };
    ports.queue.receive(&receive).await.unwrap()
}
