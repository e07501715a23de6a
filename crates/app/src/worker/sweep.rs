//! One elected worker rescues lapsed leases and restores what the queue has lost (G5).

use std::sync::Arc;

use countersign_domain::RunId;
use countersign_ports::{Candidacy, Elected, PortError, QueueEntry, Rescue};

use super::complete::push;
use super::{Shared, closed};

const OFFICE: &str = "sweeper";

/// Runs rescued, and entries restored, in one call.
const PAGE: u32 = 500;

pub(super) async fn sweep(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(shared.settings.sweep_every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut after = None;
    loop {
        tick.tick().await;
        closed::look(&shared).await;
        match sweep_once(&shared, after).await {
            Ok(next) => after = next,
            Err(error) => tracing::warn!(%error, "the sweep failed; trying again"),
        }
    }
}

/// Rescues every lapsed lease and restores one page; returns where the next page begins.
async fn sweep_once(shared: &Shared, after: Option<RunId>) -> Result<Option<RunId>, PortError> {
    let holder = shared.holder();
    let candidacy = Candidacy {
        office: OFFICE,
        holder: &holder,
        term: shared.settings.sweep_every * 5,
    };
    if shared.ports.runs().elect(&candidacy).await? == Elected::Another {
        return Ok(None);
    }
    // What cannot be rescued must not keep the queue from having what it lost.
    if let Err(error) = rescue(shared).await {
        tracing::warn!(%error, "lapsed leases cannot be rescued; trying again");
    }
    restore_page(shared, after).await
}

/// Rescues every run whose lease has lapsed, in pages; answers with how many. Safe without the office:
/// a run is rescued once, whoever asks.
pub(super) async fn rescue(shared: &Shared) -> Result<usize, PortError> {
    let mut total = 0;
    loop {
        let rescued = shared.ports.runs().rescue(&Rescue { limit: PAGE }).await?;
        let entries: Vec<QueueEntry> = rescued
            .iter()
            .filter_map(|run| run.successor.clone())
            .collect();
        push(shared, &entries).await;
        shared.progress.count_rescued(rescued.len());
        for run in &rescued {
            tracing::warn!(run = %run.run, "rescued: its worker's lease had lapsed");
        }
        total += rescued.len();
        if rescued.len() < PAGE as usize {
            return Ok(total);
        }
    }
}

/// Pushes every entry that the queue ought to have. Those that it has are left alone.
pub(super) async fn restore(shared: &Shared) {
    let mut after = None;
    loop {
        match restore_page(shared, after).await {
            Ok(Some(next)) => after = Some(next),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "the queue cannot be restored; trying again");
                return;
            }
        }
    }
}

async fn restore_page(shared: &Shared, after: Option<RunId>) -> Result<Option<RunId>, PortError> {
    let entries = shared.ports.runs().queued_entries(after, PAGE).await?;
    if !entries.is_empty() {
        shared.ports.queue().push(&entries).await?;
    }
    Ok(entries.last().map(|entry| entry.run.id))
}

/// Gives the office up, so that another worker need not wait for its term to end.
pub(super) async fn step_down(shared: &Shared) {
    if let Err(error) = shared
        .ports
        .runs()
        .step_down(OFFICE, &shared.holder())
        .await
    {
        tracing::debug!(%error, "the sweeper's office lapses by itself");
    }
}

impl Shared {
    /// Who stands for office: unique to this worker, whatever its name.
    fn holder(&self) -> String {
        format!("{}/{}", self.settings.name, self.instance)
    }
}
