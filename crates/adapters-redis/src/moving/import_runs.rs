//! Runs as they were elsewhere: first where each is, then the runs, a script a workspace.

use std::collections::{BTreeSet, HashMap};

use countersign_domain::{RunId, WorkspaceId};
use countersign_ports::{Imported, MovedRun, PortError, PortErrorKind, PortResult};

use super::import::{Filling, OPERATION, imported};
use crate::rows::list;
use crate::runs::{by_workspace, claim_places};
use crate::script::script;
use crate::stored_run::Written;

script!(IMPORT_RUNS writes "run", "rulings", "import_runs");

pub(super) async fn import_runs(
    into: &Filling<'_>,
    runs: &[&MovedRun],
) -> PortResult<Vec<Imported>> {
    let shared = into.shared;
    let workspaces: BTreeSet<&WorkspaceId> =
        runs.iter().map(|moved| &moved.run.workspace_id).collect();
    into.enlist(workspaces).await?;
    let claims: Vec<(RunId, &WorkspaceId)> = runs
        .iter()
        .map(|moved| (moved.run.id, &moved.run.workspace_id))
        .collect();
    let elsewhere = claim_places(shared, &claims, OPERATION).await?;
    for (moved, elsewhere) in runs.iter().zip(elsewhere) {
        if let Some(elsewhere) = elsewhere {
            let detail = format_args!(
                "run `{}` of workspace `{}` has the id of one of workspace `{elsewhere}`",
                moved.run.id, moved.run.workspace_id
            );
            return Err(PortError::new(PortErrorKind::Corrupt, OPERATION, detail));
        }
    }
    let written: Vec<Written> = runs
        .iter()
        .map(|moved| Written::of(moved, OPERATION))
        .collect::<PortResult<_>>()?;
    let groups = by_workspace(
        shared.keys(),
        runs.iter().map(|moved| Some(&moved.run.workspace_id)),
    );
    let mut calls = Vec::with_capacity(groups.len());
    for group in &groups {
        let mut keys = group.keys.of_runs();
        keys.push(shared.marker(&group.keys));
        for moved in group.each(runs) {
            let id = moved.run.id;
            keys.extend([
                group.keys.run(id),
                group.keys.context(id),
                group.keys.more(id),
            ]);
        }
        let mut call = into.guarded(&IMPORT_RUNS, keys);
        let mut rulings: Vec<&str> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for one in group.each(&written) {
            if let Some(ruling) = &one.ruling {
                let ruling = ruling.as_str();
                places.entry(ruling).or_insert_with(|| {
                    rulings.push(ruling);
                    // Lua counts from one.
                    rulings.len()
                });
            }
        }
        call.push(rulings.len());
        call.push(&rulings);
        for (moved, one) in group.of(runs, &written) {
            let ruling = one.ruling.as_ref();
            let place = ruling.and_then(|ruling| places.get(ruling.as_str()));
            call.push(moved.run.context.as_str());
            call.push(&[&one.head, &one.asked, &one.settled]);
            call.push(place.copied().unwrap_or(0));
            call.push(2 * one.more.len());
            for (field, value) in &one.more {
                call.push(*field);
                call.push(value);
            }
        }
        calls.push(call);
    }
    let mut answers = vec![Imported::Present; runs.len()];
    let told = into.call_all(&calls).await?;
    for (group, told) in groups.iter().zip(told) {
        for (place, told) in group.places.iter().zip(list(told, OPERATION)?) {
            if let Some(answer) = answers.get_mut(*place) {
                *answer = imported(told)?;
            }
        }
    }
    Ok(answers)
}
