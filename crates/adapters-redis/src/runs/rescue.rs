//! Rescues runs whose lease has lapsed: each ends, and a successor takes its place.

use countersign_domain::{RunId, WorkspaceId};
use countersign_ports::{PortResult, Rescue, Rescued, fresh_run_id};

use super::batch::{Answers, by_workspace, unknown};
use super::succeed::read_successor;
use super::{RedisRuns, places};
use crate::authority::intent;
use crate::rows::Columns;
use crate::script::{Call, script};
use crate::store::Shared;
use crate::workspaces;

const OPERATION: &str = "rescue";

script!(RESCUE writes "run", "succeed", "rescue");

/// A run whose lease seems to have lapsed; the script makes sure.
struct Lapsed {
    run: RunId,
    workspace: WorkspaceId,
    successor: RunId,
    at: i64,
}

pub(super) async fn rescue(runs: &RedisRuns, rescue: &Rescue) -> PortResult<Vec<Rescued>> {
    let shared = &*runs.shared;
    if shared.is_in_slots() {
        // Changes of authority, too, may have lost whoever was making them.
        intent::roll_forward_if_possible(shared, OPERATION).await;
    }
    let lapsed = lapsed(shared, rescue.limit).await?;
    let claims: Vec<(RunId, &WorkspaceId)> = lapsed
        .iter()
        .map(|one| (one.successor, &one.workspace))
        .collect();
    // Ids just drawn: nobody has them.
    places::claim(shared, &claims, OPERATION).await?;
    let groups = by_workspace(shared.keys(), lapsed.iter().map(|one| Some(&one.workspace)));
    let calls: Vec<Call> = groups
        .iter()
        .map(|group| {
            let mut keys = group.keys.of_runs();
            for one in group.each(&lapsed) {
                let both = |id| [group.keys.run(id), group.keys.context(id)];
                keys.extend(both(one.run));
                keys.push(group.keys.more(one.run));
                keys.extend(both(one.successor));
            }
            Call::script(&RESCUE, keys)
        })
        .collect();
    let mut answers = Answers::to(lapsed.len(), OPERATION);
    answers
        .ask(shared, &groups, &calls, |place, mut said| {
            let Some(one) = lapsed.get(place) else {
                return unknown(&said.word, OPERATION);
            };
            Ok(match said.word.as_str() {
                "rescued" => Some(Rescued {
                    run: one.run,
                    successor: read_successor(said.rest.value()?, &one.workspace, OPERATION)?,
                }),
                // Renewed, completed or rescued by another meanwhile.
                "held" => None,
                other => return unknown(other, OPERATION),
            })
        })
        .await?;
    // They have lapsed for good: where nothing else has, either, that must not fail for ever.
    answers.leave_out_damaged(|| None);
    let rescued = answers.settle(|| Some(None))?;
    Ok(rescued.into_iter().flatten().collect())
}

/// The runs whose lease lapsed first, of all workspaces.
async fn lapsed(shared: &Shared, limit: u32) -> PortResult<Vec<Lapsed>> {
    let workspaces = workspaces::all(shared, OPERATION).await?;
    let now = shared.clock(OPERATION).await?;
    let calls: Vec<Call> = workspaces
        .iter()
        .map(|workspace| {
            let running = shared.keys().workspace(workspace).running();
            Call::command("ZRANGE", running)
                .arg("-inf")
                .arg(now.as_micros())
                .arg("BYSCORE")
                .arg("LIMIT")
                .arg(0)
                .arg(limit)
                .arg("WITHSCORES")
        })
        .collect();
    let mut found = Vec::new();
    for (workspace, value) in workspaces
        .iter()
        .zip(shared.link().call_all(OPERATION, &calls).await?)
    {
        let mut columns = Columns::of(value, OPERATION)?;
        while columns.left() > 0 {
            let run = columns.parsed("run id")?;
            let at: f64 = columns.parsed("the end of a lease")?;
            found.push(Lapsed {
                run,
                workspace: workspace.clone(),
                successor: fresh_run_id(),
                at: at as i64,
            });
        }
    }
    found.sort_by_key(|one| (one.at, one.run));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}
