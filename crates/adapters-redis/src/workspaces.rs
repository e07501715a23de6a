//! Which workspaces there are: written down before anything of theirs is written.
//!
//! In a cluster each has a marker of its own, in its slot, for scripts to look at. A workspace that the directory
//! knows and whose marker is missing has lost what was in its slot; nothing gives it another.

use std::collections::BTreeSet;

use countersign_domain::{MoveId, WorkspaceId};
use countersign_ports::{PortError, PortResult};

use crate::rows::{Columns, list, optional_text};
use crate::script::{Call, script};
use crate::store::Shared;

script!(ENLIST writes "enlist");
script!(MARK writes "mark");

/// Makes workspaces known, in a store that is open.
pub(crate) async fn enlist(
    shared: &Shared,
    workspaces: BTreeSet<&WorkspaceId>,
    operation: &'static str,
) -> PortResult<()> {
    enlist_for(shared, None, workspaces, operation).await
}

/// The same in a store that is being filled by this move.
pub(crate) async fn enlist_import(
    shared: &Shared,
    movement: MoveId,
    workspaces: BTreeSet<&WorkspaceId>,
    operation: &'static str,
) -> PortResult<()> {
    enlist_for(shared, Some(movement), workspaces, operation).await
}

/// How many workspaces one script is given; Lua's stack holds no more than 8,000 values.
const AT_ONCE: usize = 1000;

/// In a cluster in three steps, so that whoever is stopped after any of them can begin again: `opening`, the marker,
/// and only then `workspaces`. A store is closed by its directory first and its workspaces after it: no marker that
/// comes too late is an open one.
async fn enlist_for(
    shared: &Shared,
    movement: Option<MoveId>,
    workspaces: BTreeSet<&WorkspaceId>,
    operation: &'static str,
) -> PortResult<()> {
    let workspaces: Vec<&WorkspaceId> = workspaces.into_iter().collect();
    for workspaces in workspaces.chunks(AT_ONCE) {
        let keys = shared.keys();
        let mut named = vec![keys.store(), keys.workspaces()];
        named.extend(shared.is_in_slots().then(|| keys.opening()));
        let movement = movement.map(|id| id.to_string()).unwrap_or_default();
        let mut call = Call::script(&ENLIST, named).arg(shared.id()).arg(movement);
        for workspace in workspaces {
            call.push(workspace.as_str());
        }
        let answer = shared.link().call(operation, call).await?;
        let mut answer = Columns::of(answer, operation)?;
        let says = [
            answer.text("how many steps were taken")?,
            answer.text("why the store is closed")?,
            answer.text("the move that fills the store")?,
        ];
        let mut new = Vec::with_capacity(answer.left());
        while answer.left() > 0 {
            new.push(answer.parsed("a workspace id")?);
        }
        open(shared, &new, &says, operation).await?;
    }
    Ok(())
}

/// The second step and the third.
async fn open(
    shared: &Shared,
    new: &[WorkspaceId],
    says: &[String; 3],
    operation: &'static str,
) -> PortResult<()> {
    if new.is_empty() {
        return Ok(());
    }
    let keys = shared.keys();
    let mark = |workspace| {
        let marker = keys.workspace(workspace).marker();
        Call::script(&MARK, vec![marker]).arg(shared.id()).arg(says)
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

/// A list of workspace ids.
pub(crate) fn read(value: redis::Value, operation: &'static str) -> PortResult<Vec<WorkspaceId>> {
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
