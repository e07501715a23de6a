//! Takes due runs off the queue, as many as there are free slots.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_domain::{OperationRun, RunStatus, WorkspaceId};
use countersign_ports::{Delivery, PortError, Receive, RetryClass, RunKey};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{Shared, Until, sweep};

/// How often a drain looks for entries that the queue has lost.
const RESTORE_EVERY: Duration = Duration::from_secs(1);

/// How often a drain looks again for runs that are due and were handed to another worker.
const HANDED_OUT_POLL: Duration = Duration::from_millis(50);

/// How long a receive waits for more slots while runs wait for them.
const LINGER: Duration = Duration::from_millis(2);

/// How long nobody asks for more after fewer runs were handed out than there were slots for, unless something is queued
/// meanwhile: to ask at once would take time from those runs on their way to a start.
const LULL: Duration = Duration::from_millis(10);

/// When runs that could not be loaded are looked at again.
const AWAY_FOR: Duration = Duration::from_secs(1);

/// The longest wait between attempts at a store that fails.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Runs that were received, with a slot for each.
pub(super) struct Batch {
    pub(super) runs: Vec<(OperationRun, Delivery)>,
    pub(super) slots: OwnedSemaphorePermit,
    /// Whether there was one for each slot, so that there may be more.
    is_full: bool,
}

/// Receives until told to stop, or until there is nothing left to drain.
pub(super) async fn receive(
    shared: Arc<Shared>,
    batches: mpsc::Sender<Batch>,
    until: Until,
) -> Result<(), PortError> {
    let mut faults = 0_u32;
    let mut restored_at: Option<Instant> = None;
    let mut runs_wait = false;
    let at_most = shared.settings.batch.min(shared.settings.concurrency);
    while !shared.stop.is_draining() {
        shared.closed.error()?;
        let slots = tokio::select! {
            slots = reserve(&shared.slots, at_most, runs_wait) => slots,
            () = shared.closed.closed() => None,
            () = shared.stop.draining().cancelled() => None,
        };
        let Some(slots) = slots else {
            return shared.closed.error();
        };
        match receive_batch(&shared, slots).await {
            Ok(Some(batch)) => {
                faults = 0;
                runs_wait = batch.is_full;
                if shared.stop.is_draining() {
                    give_back(&shared, batch).await;
                    return Ok(());
                }
                if batches.send(batch).await.is_err() {
                    return Ok(());
                }
                if !runs_wait {
                    wait_for_more(&shared, LULL).await;
                }
            }
            Ok(None) => {
                faults = 0;
                runs_wait = false;
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

/// Waits for a free slot, then takes as many as are free, up to a batch.
///
/// Where runs wait for slots, it lingers for more of these: a batch shares its commits, and a batch of the one
/// slot that happened to be free first pays for them alone. Where no run waits, the next one is not to wait either.
async fn reserve(
    slots: &Arc<Semaphore>,
    batch: usize,
    runs_wait: bool,
) -> Option<OwnedSemaphorePermit> {
    let slots = || Arc::clone(slots);
    let mut reserved = slots().acquire_owned().await.ok()?;
    if runs_wait {
        let rest = permits(batch.saturating_sub(1));
        if let Ok(Ok(more)) = tokio::time::timeout(LINGER, slots().acquire_many_owned(rest)).await {
            reserved.merge(more);
        }
    }
    let room = batch.saturating_sub(reserved.num_permits());
    let more = permits(slots().available_permits().min(room));
    if let Ok(more) = slots().try_acquire_many_owned(more) {
        reserved.merge(more);
    }
    Some(reserved)
}

fn permits(slots: usize) -> u32 {
    u32::try_from(slots).unwrap_or(u32::MAX)
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
            limit: permits(slots.num_permits()),
            // What a worker took and did not begin comes back as soon as what it began does.
            invisible_for: shared.settings.lease_for,
        })
        .await?;
    if deliveries.is_empty() {
        return Ok(None);
    }
    let is_full = deliveries.len() >= slots.num_permits();
    let loaded = load(shared, deliveries).await?;
    let mut runs = Vec::with_capacity(loaded.len());
    let mut spent = Vec::new();
    for (delivery, run) in loaded {
        match run {
            Some(run) if run.status == RunStatus::Queued => runs.push((run, delivery)),
            // The queue is a hint: an entry without a queued run is worth nothing.
            Some(_) | None => spent.push(delivery),
        }
    }
    if !spent.is_empty() {
        shared.ports.queue().ack(&spent).await?;
    }
    Ok(Some(Batch {
        runs,
        slots,
        is_full,
    }))
}

/// Loads what was received: together, or each workspace's by itself where that fails for now. One whose server is away
/// must not keep the others' runs from starting; its own are looked at later.
async fn load(
    shared: &Shared,
    deliveries: Vec<Delivery>,
) -> Result<Vec<(Delivery, Option<OperationRun>)>, PortError> {
    let error = match load_together(shared, &deliveries).await {
        Ok(runs) => return Ok(deliveries.into_iter().zip(runs).collect()),
        Err(error) if error.retry() == RetryClass::Later => error,
        Err(error) => return Err(error),
    };
    let mut by_workspace: HashMap<WorkspaceId, Vec<Delivery>> = HashMap::new();
    for delivery in deliveries {
        let workspace = delivery.run.workspace_id.clone();
        by_workspace.entry(workspace).or_default().push(delivery);
    }
    if by_workspace.len() == 1 {
        return Err(error);
    }
    let each = by_workspace.into_values().map(async |deliveries| {
        let runs = load_together(shared, &deliveries).await;
        (deliveries, runs)
    });
    let (mut loaded, mut away) = (Vec::new(), Vec::new());
    for (deliveries, runs) in futures::future::join_all(each).await {
        match runs {
            Ok(runs) => loaded.extend(deliveries.into_iter().zip(runs)),
            Err(_) => away.extend(deliveries),
        }
    }
    if loaded.is_empty() {
        return Err(error);
    }
    tracing::warn!(%error, runs = away.len(), "runs cannot be loaded; they are looked at later");
    if let Err(error) = shared.ports.queue().put_off(&away, AWAY_FOR).await {
        tracing::warn!(%error, "entries that were not loaded stay invisible for a while");
    }
    Ok(loaded)
}

async fn load_together(
    shared: &Shared,
    deliveries: &[Delivery],
) -> Result<Vec<Option<OperationRun>>, PortError> {
    let keys: Vec<RunKey> = deliveries
        .iter()
        .map(|delivery| delivery.run.clone())
        .collect();
    shared.ports.runs().load(&keys).await
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
    let handlers_run = !shared.running.is_empty();
    let last_handler_ends = async {
        match until {
            Until::Drained if handlers_run => shared.running.wait_until_none().await,
            Until::Drained | Until::Stopped => std::future::pending().await,
        }
    };
    let at_most = match until {
        // Due, and in the hands of another worker that is about to start it; or on its way through the gate here.
        Until::Drained if !handlers_run => shared.settings.poll_every.min(HANDED_OUT_POLL),
        Until::Drained | Until::Stopped => shared.settings.poll_every,
    };
    tokio::select! {
        () = wait_for_more(shared, at_most) => {}
        () = last_handler_ends => {}
    }
}

/// Waits for a hint of the queue, or for a reason to stop.
async fn wait_for_more(shared: &Shared, at_most: Duration) {
    tokio::select! {
        () = shared.ports.queue().wait(at_most) => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    /// So many slots of four, of which one is taken, are reserved, and how long that takes.
    async fn reserved(runs_wait: bool, ends_after: Duration) -> (usize, Duration) {
        let slots = Arc::new(Semaphore::new(4));
        let taken = Arc::clone(&slots).acquire_owned().await.unwrap();
        tokio::spawn(async move {
            tokio::time::sleep(ends_after).await;
            drop(taken);
        });
        let began = tokio::time::Instant::now();
        let reserved = reserve(&slots, 4, runs_wait).await.unwrap();
        (reserved.num_permits(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn where_no_run_waits_the_slots_that_are_free_are_taken_at_once() {
        let now = reserved(false, Duration::from_millis(1)).await;
        assert_eq!(now, (3, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn where_runs_wait_a_batch_is_waited_for_but_not_for_long() {
        let soon = Duration::from_millis(1);
        assert_eq!(reserved(true, soon).await, (4, soon));
        assert_eq!(reserved(true, 2 * LINGER).await, (3, LINGER));
    }

    #[tokio::test]
    async fn no_more_slots_are_taken_than_a_batch_has() {
        let slots = Arc::new(Semaphore::new(4));
        for runs_wait in [false, true] {
            let reserved = reserve(&slots, 2, runs_wait).await.unwrap();
            assert_eq!(reserved.num_permits(), 2);
        }
    }
}
