//! Retention: removing completed runs whose time is up, in small batches.

use std::time::Duration;

use countersign_ports::{PortError, Prune, RunRepository};

/// Runs looked at in one batch: few, as workers wait for it where a store has one writer.
const BATCH: u32 = 500;

/// How long completed runs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// For how long after its completion a run is kept, by the store's clock.
    pub older_than: Duration,
    /// Whether runs that were blocked are kept for ever, with those that were queued after them.
    pub keep_blocked: bool,
}

/// What was removed, so far or in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// So many runs were removed.
    pub runs: u64,
    /// So many were old enough and stayed: blocked, or queued after one that stays.
    pub kept: u64,
}

/// Removes completed runs whose time is up, and tells after each batch how far it has come.
///
/// Safe beside running workers, and beside others that do the same. A batch is a commit: whatever ends this early, what
/// was told is gone, and the next one goes on.
///
/// # Errors
/// The first of the store's. A store that is being moved removes nothing.
pub async fn prune(
    runs: &dyn RunRepository,
    retention: &Retention,
    mut told: impl FnMut(Removed),
) -> Result<Removed, PortError> {
    let mut removed = Removed::default();
    let mut prune = Prune {
        older_than: retention.older_than,
        keep_blocked: retention.keep_blocked,
        after: None,
        limit: BATCH,
    };
    loop {
        let page = runs.prune(&prune).await?;
        removed.runs += page.removed;
        removed.kept += page.kept;
        told(removed);
        match page.next {
            Some(next) => prune.after = Some(next),
            None => return Ok(removed),
        }
    }
}
