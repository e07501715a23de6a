//! Passes received runs through the gate, and enters the handlers of those that started.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::{OperationRun, RunOutcome, Timestamp};
use countersign_ports::{Delivery, PutOff, QueueUpkeep};
use tokio::sync::mpsc;

use super::receive::Batch;
use super::{Shared, execute};
use crate::Passage;

/// When a run whose authority kept moving is looked at again.
const SET_ASIDE_FOR: Duration = Duration::from_millis(50);

pub(super) async fn start(shared: Arc<Shared>, mut batches: mpsc::Receiver<Batch>) {
    while let Some(batch) = batches.recv().await {
        start_batch(&shared, batch).await;
    }
}

async fn start_batch(shared: &Arc<Shared>, mut batch: Batch) {
    let (runs, deliveries): (Vec<OperationRun>, Vec<Delivery>) = batch.runs.into_iter().unzip();
    let passages = shared.gate.pass(&runs).await;
    let mut entered = Vec::with_capacity(runs.len());
    let mut left_queue = Vec::new();
    let mut waiting: Vec<(Delivery, Duration)> = Vec::new();
    let mut undecided: Vec<(Delivery, Timestamp)> = Vec::new();
    for ((run, delivery), passage) in runs.into_iter().zip(deliveries).zip(passages) {
        match passage {
            Passage::Started(permit) => {
                shared.progress.count_started();
                if let Some(run) = enter(shared, run, permit) {
                    entered.push((run, batch.slots.split(1)));
                }
                left_queue.push(delivery);
            }
            Passage::Blocked(reason) => {
                tracing::debug!(run = %run.id, %reason, "blocked");
                shared.progress.count_completed(RunOutcome::Blocked);
                left_queue.push(delivery);
            }
            Passage::NotQueued => left_queue.push(delivery),
            Passage::CancelRequested => {
                shared.progress.count_completed(RunOutcome::Cancelled);
                left_queue.push(delivery);
            }
            Passage::PutOff(put_off) => match put_off {
                PutOff::Waiting { until, .. } => {
                    shared.progress.count_put_off();
                    undecided.push((delivery, until));
                }
                PutOff::GaveUp => {
                    shared.progress.count_completed(RunOutcome::Failed);
                    left_queue.push(delivery);
                }
                PutOff::NotQueued => left_queue.push(delivery),
            },
            Passage::SetAside | Passage::UnknownOperation => {
                waiting.push((delivery, SET_ASIDE_FOR));
            }
            Passage::Failed(error) => {
                shared.closed.tell_of(&error);
                tracing::warn!(run = %run.id, %error, "the run could not be begun; it will be tried again");
                waiting.push((delivery, Duration::from_secs(1)));
            }
        }
    }
    // All are known to be running before the first of them can end.
    for (run, slot) in entered {
        tokio::spawn(execute::execute(Arc::clone(shared), run, slot));
    }
    waiting.extend(waits(shared, undecided).await);
    keep_queue(shared, left_queue, waiting).await;
}

/// How long entries of undecided runs wait, where the repository does not see to that itself.
async fn waits(
    shared: &Shared,
    undecided: Vec<(Delivery, Timestamp)>,
) -> Vec<(Delivery, Duration)> {
    if undecided.is_empty() || shared.ports.runs().queue_upkeep() == QueueUpkeep::InCommit {
        return Vec::new();
    }
    let now = shared.ports.runs().clock().await.ok();
    let wait = |until: Timestamp| now.map_or(SET_ASIDE_FOR, |now| until.since(now));
    undecided
        .into_iter()
        .map(|(delivery, until)| (delivery, wait(until)))
        .collect()
}

fn enter(
    shared: &Shared,
    run: OperationRun,
    permit: countersign_ports::Permit,
) -> Option<execute::Entered> {
    match execute::enter(shared, run, permit) {
        Ok(entered) => Some(entered),
        // The run is `running` in the store; its lease lapses and it is rescued.
        Err(error) => {
            tracing::error!(%error, "a started run was not entered");
            None
        }
    }
}

/// What the queue is told; where it fails, entries become visible again by themselves.
async fn keep_queue(
    shared: &Shared,
    left_queue: Vec<Delivery>,
    mut waiting: Vec<(Delivery, Duration)>,
) {
    let queue = shared.ports.queue();
    if shared.ports.runs().queue_upkeep() == QueueUpkeep::Caller
        && !left_queue.is_empty()
        && let Err(error) = queue.ack(&left_queue).await
    {
        tracing::warn!(%error, "entries of started runs stay in the queue");
    }
    waiting.sort_by_key(|(_, wait)| *wait);
    for group in waiting.chunk_by(|(_, a), (_, b)| a == b) {
        let Some((_, wait)) = group.first() else {
            continue;
        };
        let deliveries: Vec<Delivery> =
            group.iter().map(|(delivery, _)| delivery.clone()).collect();
        if let Err(error) = queue.put_off(&deliveries, *wait).await {
            tracing::warn!(%error, "entries of runs that were put off stay invisible for a while");
        }
    }
}
