//! Adds entries that the queue does not have.

use std::collections::BTreeMap;

use countersign_domain::QueueName;
use countersign_ports::{PortResult, Push, QueueEntry};

use super::{Batch, RedisQueue};
use crate::rows::Columns;
use crate::script::{Call, script};

const OPERATION: &str = "push";

/// How many entries one script adds.
const AT_ONCE: usize = 250;

script!(PUSH writes "queue", "push");

pub(super) async fn push(queue: &RedisQueue, entries: &[QueueEntry]) -> PortResult<Vec<Push>> {
    let mut answers = vec![Push::Present; entries.len()];
    let batches = batches(entries);
    let calls: Vec<Call> = batches.iter().map(|batch| call(queue, batch)).collect();
    let link = queue.shared.link();
    for (batch, added) in batches.iter().zip(link.call_all(OPERATION, &calls).await?) {
        let mut added = Columns::of(added, OPERATION)?;
        for (at, _, _) in &batch.items {
            let added: u8 = added.parsed("whether an entry was added")?;
            if let Some(answer) = answers.get_mut(*at).filter(|_| added == 1) {
                *answer = Push::Added;
            }
        }
    }
    if answers.contains(&Push::Added) {
        queue.shared.bell().ring_unheard();
    }
    Ok(answers)
}

fn batches(entries: &[QueueEntry]) -> Vec<Batch<'_, &QueueEntry>> {
    let mut open: BTreeMap<&QueueName, Batch<'_, &QueueEntry>> = BTreeMap::new();
    let mut full = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let name = &entry.queue_name;
        let batch = open.entry(name).or_insert_with(|| Batch::of(name));
        batch.add(at, &entry.operation_type, entry);
        if batch.items.len() == AT_ONCE {
            full.extend(open.remove(name));
        }
    }
    full.extend(open.into_values());
    full
}

fn call(queue: &RedisQueue, batch: &Batch<'_, &QueueEntry>) -> Call {
    let keys = queue.shared.keys();
    let mut call = batch.call(&PUSH, keys).arg(keys.bell());
    for (_, operation, entry) in &batch.items {
        let due_at = entry.due_at.as_micros();
        call.push(*operation);
        call.push(entry.run.id.to_string());
        // What goes first has the lowest score.
        call.push(-i32::from(entry.priority));
        call.push(format!("{due_at:016x}"));
        call.push(due_at);
        call.push(entry.run.workspace_id.as_str());
    }
    call
}
