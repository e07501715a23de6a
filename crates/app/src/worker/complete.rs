//! Completes runs: whatever has ended while the last commit was under way goes into the next.

use std::sync::Arc;
use std::time::Duration;

use countersign_ports::{Finish, Finished, PortError, QueueEntry, QueueUpkeep, RetryClass};
use tokio::sync::mpsc;

use super::Shared;

/// How often a completion is tried while the store fails; the lease lapses long before.
const ATTEMPTS: u32 = 12;

/// How long a completion waits for others.
const LINGER: Duration = Duration::from_millis(2);

/// A run whose handler has ended.
pub(super) struct Ended {
    pub(super) finish: Finish,
}

pub(super) async fn complete(shared: Arc<Shared>, mut ended: mpsc::Receiver<Ended>) {
    let most = shared.settings.batch.max(1) * 2;
    let mut batch: Vec<Ended> = Vec::with_capacity(most);
    loop {
        let received = tokio::select! {
            biased;
            received = ended.recv_many(&mut batch, most) => received,
            () = shared.nothing_more.cancelled() => 0,
        };
        if received == 0 {
            return;
        }
        gather(&shared, &mut ended, &mut batch, most).await;
        let finishes: Vec<Finish> = batch.drain(..).map(|ended| ended.finish).collect();
        complete_batch(&shared, &finishes).await;
        for finish in &finishes {
            shared.running.remove(finish.run.id);
        }
    }
}

/// Waits a moment for handlers that are ending too: those of one batch often end at once, and the first of
/// them would pay for a commit alone.
async fn gather(
    shared: &Shared,
    ended: &mut mpsc::Receiver<Ended>,
    batch: &mut Vec<Ended>,
    most: usize,
) {
    let all = shared.running.count().min(most);
    let rest =
        async { while batch.len() < all && ended.recv_many(batch, all - batch.len()).await > 0 {} };
    // Those that go on for longer are for another batch.
    let _those_that_ended = tokio::time::timeout(LINGER, rest).await;
}

async fn complete_batch(shared: &Shared, finishes: &[Finish]) {
    match finish_patiently(shared, finishes).await {
        Ok(finished) => settle(shared, finishes, finished).await,
        Err(error) if finishes.len() > 1 && error.retry() == RetryClass::Never => {
            // One of them cannot be completed; it must not take its neighbours with it.
            for finish in finishes {
                let alone = std::slice::from_ref(finish);
                match finish_patiently(shared, alone).await {
                    Ok(finished) => settle(shared, alone, finished).await,
                    Err(error) => lost(finish, &error),
                }
            }
        }
        Err(error) => finishes.iter().for_each(|finish| lost(finish, &error)),
    }
}

/// Completing again is safe whatever became of the call before.
async fn finish_patiently(
    shared: &Shared,
    finishes: &[Finish],
) -> Result<Vec<Finished>, PortError> {
    let mut attempt = 0;
    loop {
        match shared.ports.runs().finish(finishes).await {
            Err(error) if error.retry() != RetryClass::Never && attempt < ATTEMPTS => {
                tracing::warn!(%error, runs = finishes.len(), "runs cannot be completed; trying again");
                tokio::time::sleep(Duration::from_millis(20 << attempt.min(8))).await;
                attempt += 1;
            }
            known => return known,
        }
    }
}

fn lost(finish: &Finish, error: &PortError) {
    tracing::error!(run = %finish.run.id, %error, "a run could not be completed; it will be rescued");
}

async fn settle(shared: &Shared, finishes: &[Finish], finished: Vec<Finished>) {
    let mut successors: Vec<QueueEntry> = Vec::new();
    for (finish, finished) in finishes.iter().zip(finished) {
        match finished {
            Finished::Completed { outcome, successor } => {
                shared.progress.count_completed(outcome);
                successors.extend(successor);
            }
            Finished::LeaseLost => {
                tracing::warn!(run = %finish.run.id, "the run was rescued before it was completed");
            }
        }
    }
    push(shared, &successors).await;
}

/// Tells the queue of runs that were queued; what is lost here the sweeper restores.
pub(super) async fn push(shared: &Shared, entries: &[QueueEntry]) {
    if entries.is_empty() || shared.ports.runs().queue_upkeep() == QueueUpkeep::InCommit {
        return;
    }
    if let Err(error) = shared.ports.queue().push(entries).await {
        tracing::warn!(%error, "queued runs are not in the queue yet; the sweeper restores them");
    }
}
