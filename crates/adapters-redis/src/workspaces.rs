//! Which workspaces there are: written down before anything of theirs is written.
//!
//! In a cluster each has a marker of its own, in its slot, for scripts to look at. A workspace that the directory
//! knows and whose marker is missing has lost what was in its slot; nothing gives it another.

use std::collections::BTreeSet;

use countersign_domain::WorkspaceId;
use countersign_ports::{PortError, PortResult};

use crate::rows::{list, optional_text};
use crate::script::{Call, script};
use crate::store::Shared;

script!(ENLIST writes "enlist");
script!(MARK writes "mark");

/// Makes workspaces known.
pub(crate) async fn enlist(
    shared: &Shared,
    workspaces: BTreeSet<&WorkspaceId>,
    operation: &'static str,
) -> PortResult<()> {
    if workspaces.is_empty() {
        return Ok(());
    }
    if shared.is_in_slots() {
        return open(shared, workspaces, operation).await;
    }
    let mut call = Call::change("SADD", shared.keys().workspaces());
    for workspace in workspaces {
        call.push(workspace.as_str());
    }
    shared.link().call(operation, call).await?;
    Ok(())
}

/// In three steps, so that whoever is stopped after any of them can begin again: `opening`, the marker, and only
/// then `workspaces`. A store is sealed by its directory first and its workspaces after it: no marker that comes too
/// late is an open one.
async fn open(
    shared: &Shared,
    workspaces: BTreeSet<&WorkspaceId>,
    operation: &'static str,
) -> PortResult<()> {
    let keys = shared.keys();
    let mut call = Call::script(
        &ENLIST,
        vec![keys.store(), keys.workspaces(), keys.opening()],
    )
    .arg(shared.id());
    for workspace in workspaces {
        call.push(workspace.as_str());
    }
    let new = read(shared.link().call(operation, call).await?, operation)?;
    if new.is_empty() {
        return Ok(());
    }
    let mark = |workspace| {
        let marker = keys.workspace(workspace).marker();
        Call::script(&MARK, vec![marker]).arg(shared.id())
    };
    let marks: Vec<Call> = new.iter().map(mark).collect();
    shared.link().call_all(operation, &marks).await?;
    let opened = |workspace: &WorkspaceId| {
        Call::change("SMOVE", keys.opening())
            .arg(keys.workspaces())
            .arg(workspace.as_str())
    };
    let opened: Vec<Call> = new.iter().map(opened).collect();
    shared.link().call_all(operation, &opened).await?;
    Ok(())
}

/// The workspaces that are known, in no order.
pub(crate) async fn all(shared: &Shared, operation: &'static str) -> PortResult<Vec<WorkspaceId>> {
    let call = Call::command("SMEMBERS", shared.keys().workspaces());
    read(shared.link().call(operation, call).await?, operation)
}

fn read(value: redis::Value, operation: &'static str) -> PortResult<Vec<WorkspaceId>> {
    const WHAT: &str = "a workspace id";
    list(value, operation)?
        .into_iter()
        .filter_map(|value| optional_text(value, WHAT, operation).transpose())
        .map(|text| {
            text?
                .parse()
                .map_err(|error| PortError::corrupt(operation, WHAT, error))
        })
        .collect()
}
