//! Takes due runs off the queue, as many as there are free slots.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_domain::{OperationRun, RunStatus};
use countersign_ports::{Delivery, PortError, Receive, RetryClass, RunKey};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{Shared, Until, sweep};

/// How often a drain looks for entries that the queue has lost.
const RESTORE_EVERY: Duration = Duration::from_secs(1);

/// How often a drain looks again for runs that are due and were handed to another worker.
const HANDED_OUT_POLL: Duration = Duration::from_millis(50);

/// How long a receive waits for more slots while handlers are ending.
const LINGER: Duration = Duration::from_millis(2);

/// The longest wait between attempts at a store that fails.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Runs that were received, with a slot for each.
pub(super) struct Batch {
    pub(super) runs: Vec<(OperationRun, Delivery)>,
    pub(super) slots: OwnedSemaphorePermit,
}

/// Receives until told to stop, or until there is nothing left to drain.
pub(super) async fn receive(
    shared: Arc<Shared>,
    batches: mpsc::Sender<Batch>,
    until: Until,
) -> Result<(), PortError> {
    let mut faults = 0_u32;
    let mut restored_at: Option<Instant> = None;
    while !shared.stop.is_draining() {
        shared.closed.error()?;
        let Some(slots) = reserve(&shared).await else {
            return shared.closed.error();
        };
        match receive_batch(&shared, slots).await {
            Ok(Some(batch)) => {
                faults = 0;
                if shared.stop.is_draining() {
                    give_back(&shared, batch).await;
                    return Ok(());
                }
                if batches.send(batch).await.is_err() {
                    return Ok(());
                }
            }
            Ok(None) => {
                faults = 0;
                if until == Until::Drained && is_idle(&shared) {
                    if nothing_is_due(&shared).await? {
                        // A worker that only ever drains must not leave lost runs to others (G5).
                        match sweep::rescue(&shared).await {
                            Ok(0) => return Ok(()),
                            Ok(_) => continue,
                            Err(error) if error.retry() == RetryClass::Never => return Err(error),
                            Err(_) => {}
                        }
                    }
                    // Due, and not received: the queue has lost it, or another worker is about to
                    // start it.
                    if restored_at.is_none_or(|at| at.elapsed() >= RESTORE_EVERY) {
                        sweep::restore(&shared).await;
                        restored_at = Some(Instant::now());
                    }
                }
                rest(&shared, until).await;
            }
            Err(error) if error.retry() == RetryClass::Never => return Err(error),
            Err(error) => {
                faults = faults.saturating_add(1);
                tracing::warn!(%error, faults, "the queue cannot be read; trying again");
                let wait = Duration::from_millis(50 << faults.min(7)).min(LONGEST_WAIT);
                pause(&shared, wait).await;
            }
        }
    }
    Ok(())
}

/// Waits for a free slot, then takes as many as are free, up to a batch. None when told to stop.
///
/// Where handlers are ending, it lingers for more: a batch shares its commits, and a batch of the one
/// slot that happened to be free first pays for them alone.
async fn reserve(shared: &Shared) -> Option<OwnedSemaphorePermit> {
    let slots = || Arc::clone(&shared.slots);
    let mut reserved = tokio::select! {
        slot = slots().acquire_owned() => slot.ok()?,
        () = shared.closed.closed() => return None,
        () = shared.stop.draining().cancelled() => return None,
    };
    let batch = shared
        .settings
        .batch
        .min(shared.settings.concurrency)
        .saturating_sub(1);
    let rest = u32::try_from(batch).unwrap_or(u32::MAX);
    if let Ok(Ok(more)) = tokio::time::timeout(LINGER, slots().acquire_many_owned(rest)).await {
        reserved.merge(more);
    }
    if shared.stop.is_draining() {
        return None;
    }
    let room = (batch + 1).saturating_sub(reserved.num_permits());
    let more = u32::try_from(shared.slots.available_permits().min(room)).unwrap_or(u32::MAX);
    if let Ok(more) = slots().try_acquire_many_owned(more) {
        reserved.merge(more);
    }
    Some(reserved)
}

async fn receive_batch(
    shared: &Shared,
    slots: OwnedSemaphorePermit,
) -> Result<Option<Batch>, PortError> {
    let deliveries = shared
        .ports
        .queue()
        .receive(&Receive {
            queue_name: &shared.settings.queue_name,
            operations: &shared.operations,
            limit: u32::try_from(slots.num_permits()).unwrap_or(u32::MAX),
            // What a worker took and did not begin comes back as soon as what it began does.
            invisible_for: shared.settings.lease_for,
        })
        .await?;
    if deliveries.is_empty() {
        return Ok(None);
    }
    let keys: Vec<RunKey> = deliveries
        .iter()
        .map(|delivery| delivery.run.clone())
        .collect();
    let loaded = shared.ports.runs().load(&keys).await?;
    let mut runs = Vec::with_capacity(deliveries.len());
    let mut spent = Vec::new();
    for (delivery, run) in deliveries.into_iter().zip(loaded) {
        match run {
            Some(run) if run.status == RunStatus::Queued => runs.push((run, delivery)),
            // The queue is a hint: an entry without a queued run is worth nothing.
            Some(_) | None => spent.push(delivery),
        }
    }
    if !spent.is_empty() {
        shared.ports.queue().ack(&spent).await?;
    }
    Ok(Some(Batch { runs, slots }))
}

/// Lets others have at once what was received while the worker was told to start nothing more.
async fn give_back(shared: &Shared, batch: Batch) {
    let deliveries: Vec<Delivery> = batch
        .runs
        .into_iter()
        .map(|(_, delivery)| delivery)
        .collect();
    if let Err(error) = shared
        .ports
        .queue()
        .put_off(&deliveries, Duration::ZERO)
        .await
    {
        tracing::warn!(%error, "entries that were not started stay invisible for a while");
    }
}

/// Nothing of its own is on its way.
fn is_idle(shared: &Shared) -> bool {
    shared.running.is_empty() && shared.slots.available_permits() >= shared.settings.concurrency
}

async fn nothing_is_due(shared: &Shared) -> Result<bool, PortError> {
    match shared.backlog().await {
        Ok(backlog) => Ok(backlog.due == 0),
        Err(error) if error.retry() == RetryClass::Never => Err(error),
        Err(_) => Ok(false),
    }
}

/// Waits for something to do: a hint of the queue, or the end of the last handler of a drain.
async fn rest(shared: &Shared, until: Until) {
    let idle = is_idle(shared);
    let last_handler_ends = async {
        match until {
            Until::Drained if !idle => shared.running.wait_until_none().await,
            Until::Drained | Until::Stopped => std::future::pending().await,
        }
    };
    let at_most = match until {
        // Due, and in the hands of another worker that is about to start it.
        Until::Drained if idle => shared.settings.poll_every.min(HANDED_OUT_POLL),
        Until::Drained | Until::Stopped => shared.settings.poll_every,
    };
    tokio::select! {
        () = shared.ports.queue().wait(at_most) => {}
        () = last_handler_ends => {}
        () = shared.closed.closed() => {}
        () = shared.stop.draining().cancelled() => {}
    }
}

async fn pause(shared: &Shared, wait: Duration) {
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = shared.closed.closed() => {}
        () = shared.stop.draining().cancelled() => {}
    }
}
