//! What becomes of entries that were handed out: removed, or put off.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_domain::QueueName;
use countersign_ports::{Acked, Delivery, PortResult};

use super::{Batch, RedisQueue};
use crate::rows::Columns;
use crate::script::{Call, Script, script};

/// How many deliveries one script settles.
const AT_ONCE: usize = 250;

script!(ACK writes "queue", "ack");
script!(PUT_OFF writes "queue", "put_off_delivery");

pub(super) async fn ack(queue: &RedisQueue, deliveries: &[Delivery]) -> PortResult<Vec<Acked>> {
    settle(queue, "ack", &ACK, deliveries, None).await
}

pub(super) async fn put_off(
    queue: &RedisQueue,
    deliveries: &[Delivery],
    wait: Duration,
) -> PortResult<Vec<Acked>> {
    let answers = settle(queue, "put_off_delivery", &PUT_OFF, deliveries, Some(wait)).await?;
    if answers.contains(&Acked::Done) {
        queue.watch.expect_in(Some(wait));
    }
    Ok(answers)
}

async fn settle(
    queue: &RedisQueue,
    operation: &'static str,
    script: &'static Script,
    deliveries: &[Delivery],
    wait: Option<Duration>,
) -> PortResult<Vec<Acked>> {
    let mut answers = vec![Acked::Stale; deliveries.len()];
    let receipts: Vec<Option<(&str, QueueName)>> = deliveries.iter().map(receipt).collect();
    let batches = batches(deliveries, &receipts);
    let calls: Vec<Call> = (batches.iter())
        .map(|batch| {
            let mut call = batch.call(script, queue.shared.keys());
            if let Some(wait) = wait {
                call.push(wait.as_micros().to_string());
            }
            for (_, place, (delivery, claim)) in &batch.items {
                call.push(*place);
                call.push(delivery.run.id.to_string());
                call.push(*claim);
            }
            call
        })
        .collect();
    let link = queue.shared.link();
    for (batch, done) in batches.iter().zip(link.call_all(operation, &calls).await?) {
        let mut done = Columns::of(done, operation)?;
        for (at, _, _) in &batch.items {
            let done: u8 = done.parsed("whether a delivery was settled")?;
            if let Some(answer) = answers.get_mut(*at).filter(|_| done == 1) {
                *answer = Acked::Done;
            }
        }
    }
    Ok(answers)
}

/// The claim and the queue of a receipt; none for one that was never given.
fn receipt(delivery: &Delivery) -> Option<(&str, QueueName)> {
    let (claim, queue) = delivery.receipt.0.split_once(':')?;
    Some((claim, queue.parse().ok()?))
}

type Settled<'a> = (&'a Delivery, &'a str);

fn batches<'a>(
    deliveries: &'a [Delivery],
    receipts: &'a [Option<(&'a str, QueueName)>],
) -> Vec<Batch<'a, Settled<'a>>> {
    let mut open: BTreeMap<&QueueName, Batch<'_, Settled<'_>>> = BTreeMap::new();
    let mut full = Vec::new();
    for (at, (delivery, receipt)) in deliveries.iter().zip(receipts).enumerate() {
        let Some((claim, name)) = receipt else {
            continue;
        };
        let batch = open.entry(name).or_insert_with(|| Batch::of(name));
        batch.add(at, &delivery.operation_type, (delivery, claim));
        if batch.items.len() == AT_ONCE {
            full.extend(open.remove(name));
        }
    }
    full.extend(open.into_values());
    full
}
