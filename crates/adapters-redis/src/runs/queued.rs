//! What is queued, of all workspaces: for a queue that has lost it, and to be counted.

use std::collections::HashSet;

use countersign_domain::{OperationType, RunId, RunStatus, WorkspaceId};
use countersign_ports::{Backlog, BacklogQuery, PortResult, QueueEntry, RunKey};

use super::RedisRuns;
use super::merged::{Merged, Order};
use super::read::{run_key, stored};
use crate::keys::WorkspaceKeys;
use crate::rows::Columns;
use crate::script::Call;
use crate::store::Shared;
use crate::stored_run::StoredRun;
use crate::workspaces;

/// Runs read in one round trip.
const PAGE: usize = 500;

pub(super) async fn queued_entries(
    runs: &RedisRuns,
    after: Option<RunId>,
    limit: u32,
) -> PortResult<Vec<QueueEntry>> {
    const OPERATION: &str = "queued_entries";
    let shared = &*runs.shared;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let workspaces = workspaces::all(shared, OPERATION).await?;
    let after = after.map(|after| after.to_string());
    let mut queued = queued(shared, &workspaces, after.as_deref(), OPERATION);
    let mut entries = Vec::new();
    // A page that is not full is the last: what is damaged must not end it early (G5).
    while entries.len() < limit {
        let many = (limit - entries.len()).min(PAGE);
        let (read, found) = queued_page(shared, &mut queued, many, OPERATION).await?;
        entries.extend(found.iter().map(StoredRun::entry));
        if read < many {
            break;
        }
    }
    Ok(entries)
}

pub(super) async fn backlog(runs: &RedisRuns, query: &BacklogQuery<'_>) -> PortResult<Backlog> {
    const OPERATION: &str = "backlog";
    let shared = &*runs.shared;
    let known: HashSet<&OperationType> = query.operations.iter().collect();
    let workspaces = workspaces::all(shared, OPERATION).await?;
    let mut backlog = Backlog::default();
    let calls: Vec<Call> = workspaces
        .iter()
        .map(|workspace| Call::command("ZCARD", shared.keys().workspace(workspace).running()))
        .collect();
    for value in shared.link().call_all(OPERATION, &calls).await? {
        backlog.running += Columns::one(value, OPERATION).parsed::<u64>("a count")?;
    }
    let mut queued = queued(shared, &workspaces, None, OPERATION);
    loop {
        let (read, found) = queued_page(shared, &mut queued, PAGE, OPERATION).await?;
        let now = shared.clock(OPERATION).await?;
        for run in found {
            let entry = run.entry();
            let is_known =
                entry.queue_name == *query.queue_name && known.contains(&entry.operation_type);
            let count = match (is_known, entry.due_at <= now) {
                (true, true) => &mut backlog.due,
                (true, false) => &mut backlog.later,
                (false, _) => &mut backlog.unknown,
            };
            *count += 1;
        }
        if read < PAGE {
            return Ok(backlog);
        }
    }
}

/// The queued runs of all workspaces, by id.
fn queued<'a>(
    shared: &'a Shared,
    workspaces: &'a [WorkspaceId],
    after: Option<&str>,
    operation: &'static str,
) -> Merged<'a> {
    let index = WorkspaceKeys::queued;
    Merged::new(shared, workspaces, index, Order::Rising, after, operation)
}

/// How many members were read, and the runs among them that are queued. A damaged one is told of in the
/// log: it must not keep others from their worker.
async fn queued_page(
    shared: &Shared,
    queued: &mut Merged<'_>,
    many: usize,
    operation: &'static str,
) -> PortResult<(usize, Vec<StoredRun>)> {
    let page = queued.next(many).await?;
    let keys: Vec<RunKey> = page
        .iter()
        .filter_map(|(workspace, member)| told(run_key(workspace, member, operation)))
        .collect();
    let found = stored(shared, &keys, operation).await?;
    let is_queued = |run: &StoredRun| run.run().status == RunStatus::Queued;
    let found = found
        .into_iter()
        .filter_map(|run| told(run).flatten())
        .filter(is_queued)
        .collect();
    Ok((page.len(), found))
}

fn told<T>(found: PortResult<T>) -> Option<T> {
    found
        .inspect_err(|error| tracing::error!(%error, "a queued run cannot be read"))
        .ok()
}
