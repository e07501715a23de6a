//! Removes completed runs whose time is up, one workspace after the other.

use std::collections::HashSet;

use countersign_domain::{RunId, Timestamp, WorkspaceId};
use countersign_ports::{
    Candidate, PortError, PortResult, Prune, PrunePlace, Pruned, RunCursor, RunKey,
};

use super::batch::{Answers, by_workspace, unknown};
use super::read::{run_key, stored};
use super::{RedisRuns, places};
use crate::error::unreadable;
use crate::rows::{Columns, list, optional_text};
use crate::script::{Call, script};
use crate::store::Shared;
use crate::stored_run::StoredRun;
use crate::workspaces;

const OPERATION: &str = "prune";

// Also while the server has no memory left: that is when it is asked for.
script!(PRUNE frees "run", "rulings", "prune");

pub(super) async fn prune(runs: &RedisRuns, prune: &Prune) -> PortResult<Pruned> {
    let shared = &*runs.shared;
    let now = shared.clock(OPERATION).await?;
    let mut workspaces = workspaces::all(shared, OPERATION).await?;
    workspaces.sort_unstable();
    let mut pruned = Pruned {
        removed: 0,
        kept: 0,
        next: None,
    };
    let mut left = usize::try_from(prune.limit).unwrap_or(usize::MAX);
    let mut after = prune.after.as_ref();
    for workspace in workspaces {
        if after.is_some_and(|after| workspace < after.workspace_id) {
            continue;
        }
        let run = after.filter(|after| after.workspace_id == workspace);
        let run = run.and_then(|after| after.run);
        after = None;
        if left == 0 {
            pruned.next = Some(PrunePlace {
                workspace_id: workspace,
                run: None,
            });
            break;
        }
        let page = page(shared, &workspace, run, prune.cutoff(now), left).await?;
        let candidates = candidates(shared, &page.keys).await?;
        let chosen = prune.choose(now, candidates);
        pruned.removed += remove(shared, &workspace, &chosen.gone).await?;
        pruned.kept += chosen.kept;
        if page.keys.len() == left {
            pruned.next = Some(PrunePlace {
                workspace_id: workspace,
                run: page.last,
            });
            break;
        }
        left -= page.keys.len();
    }
    Ok(pruned)
}

/// Runs of a workspace, in the order in which they were queued.
struct Page {
    keys: Vec<RunKey>,
    last: Option<RunCursor>,
}

async fn page(
    shared: &Shared,
    workspace: &WorkspaceId,
    after: Option<RunCursor>,
    cutoff: Timestamp,
    limit: usize,
) -> PortResult<Page> {
    let from = after.map_or_else(
        || "-".to_owned(),
        |after| format!("({:018}.{}", after.queued_at.as_micros(), after.id),
    );
    let call = Call::command("ZRANGE", shared.keys().workspace(workspace).runs())
        .arg(from)
        .arg(format!("({:018}.", cutoff.as_micros().saturating_add(1)))
        .arg("BYLEX")
        .arg("LIMIT")
        .arg(0)
        .arg(limit);
    let members = list(shared.link().call(OPERATION, call).await?, OPERATION)?;
    let mut page = Page {
        keys: Vec::with_capacity(members.len()),
        last: None,
    };
    for member in members {
        const WHAT: &str = "a member of an index";
        let member = optional_text(member, WHAT, OPERATION)?;
        let member = member.ok_or_else(|| unreadable(OPERATION, WHAT))?;
        let key = run_key(workspace, &member, OPERATION)?;
        page.last = Some(RunCursor {
            queued_at: queued_at(&member)?,
            id: key.id,
        });
        page.keys.push(key);
    }
    Ok(page)
}

/// The time that a member of the index of all runs begins with.
fn queued_at(member: &str) -> PortResult<Timestamp> {
    let micros = member
        .split_once('.')
        .and_then(|(time, _)| time.parse().ok());
    micros
        .and_then(|micros| Timestamp::from_micros(micros).ok())
        .ok_or_else(|| unreadable(OPERATION, "a member of an index"))
}

/// What there is to choose from. A damaged run is told of in the log, and stays.
async fn candidates(shared: &Shared, keys: &[RunKey]) -> PortResult<Vec<Candidate>> {
    let found = stored(shared, keys, OPERATION).await?;
    let told = |found: PortResult<Option<StoredRun>>| {
        let told = |error: &PortError| tracing::error!(%error, "a run cannot be read, and stays");
        found.inspect_err(told).ok().flatten()
    };
    let found: Vec<StoredRun> = found.into_iter().filter_map(told).collect();
    let predecessors: Vec<RunKey> = (found.iter())
        .filter_map(|stored| {
            Some(RunKey {
                workspace_id: stored.key.workspace_id.clone(),
                id: stored.run().retry_of?,
            })
        })
        .collect();
    let there = there(shared, &predecessors).await?;
    let candidate = |stored: &StoredRun| {
        let run = stored.run();
        Candidate {
            id: run.id,
            outcome: run.outcome,
            completed_at: run.completed_at,
            predecessor: run.retry_of.filter(|id| there.contains(id)),
        }
    };
    Ok(found.iter().map(candidate).collect())
}

async fn there(shared: &Shared, runs: &[RunKey]) -> PortResult<HashSet<RunId>> {
    let exists = |run: &RunKey| {
        let key = shared.keys().workspace(&run.workspace_id).run(run.id);
        Call::command("EXISTS", key)
    };
    let calls: Vec<Call> = runs.iter().map(exists).collect();
    let answers = shared.link().call_all(OPERATION, &calls).await?;
    let mut there = HashSet::new();
    for (run, answer) in runs.iter().zip(answers) {
        if Columns::one(answer, OPERATION).parsed::<u64>("whether a run is there")? > 0 {
            there.insert(run.id);
        }
    }
    Ok(there)
}

/// Removes runs, and answers how many are gone.
///
/// Where a run is goes first: whoever uses the id again meanwhile writes it anew, and finds the run or makes one. After
/// it, it would take the place of that one away.
async fn remove(shared: &Shared, workspace: &WorkspaceId, gone: &[RunId]) -> PortResult<u64> {
    if gone.is_empty() {
        return Ok(0);
    }
    let forgotten: Vec<Call> = gone
        .iter()
        .map(|run| Call::change("DEL", shared.keys().place(*run)))
        .collect();
    shared.link().call_all(OPERATION, &forgotten).await?;
    let removed = remove_all(shared, workspace, gone).await;
    if removed.is_err() {
        // The store may have been closed, and the runs still be there.
        let places: Vec<(RunId, &WorkspaceId)> = gone.iter().map(|run| (*run, workspace)).collect();
        if let Err(error) = places::claim(shared, &places, OPERATION).await {
            tracing::warn!(%error, "runs that stay are not found by their id until they are pruned");
        }
    }
    removed
}

async fn remove_all(shared: &Shared, workspace: &WorkspaceId, gone: &[RunId]) -> PortResult<u64> {
    let groups = by_workspace(shared.keys(), gone.iter().map(|_| Some(workspace)));
    let calls: Vec<Call> = groups
        .iter()
        .map(|group| {
            let mut keys = group.keys.of_runs();
            keys.push(shared.marker(&group.keys));
            for run in group.each(gone) {
                keys.extend([
                    group.keys.run(*run),
                    group.keys.context(*run),
                    group.keys.more(*run),
                ]);
            }
            Call::script(&PRUNE, keys).arg(shared.id())
        })
        .collect();
    let mut answers = Answers::to(gone.len(), OPERATION);
    answers
        .ask(shared, &groups, &calls, |_, said| {
            Ok(match said.word.as_str() {
                "removed" => true,
                // Somebody else removed it; or it is not what it was, and stays.
                "absent" | "kept" => false,
                other => return unknown(other, OPERATION),
            })
        })
        .await?;
    let removed = answers.settle(|| Some(false))?;
    Ok(removed.into_iter().filter(|removed| *removed).count() as u64)
}
