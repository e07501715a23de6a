//! Texts of runs: as many as are wanted in one command a workspace.

use countersign_domain::RunId;
use countersign_ports::{PortError, PortErrorKind, PortResult, RunKey};

use super::batch::{Group, by_workspace};
use crate::error::unreadable;
use crate::keys::WorkspaceKeys;
use crate::rows::{list, optional_text};
use crate::script::Call;
use crate::store::Shared;

/// One text a run, from the keys that `named` names; none where there is no key.
pub(super) async fn texts(
    shared: &Shared,
    keys: &[RunKey],
    named: impl Fn(&WorkspaceKeys, RunId) -> String,
    operation: &'static str,
) -> PortResult<Vec<PortResult<Option<String>>>> {
    let groups = by_workspace(
        shared.keys(),
        keys.iter().map(|key| Some(&key.workspace_id)),
    );
    let names = |group: &Group| {
        group
            .each(keys)
            .map(|key| named(&group.keys, key.id))
            .collect()
    };
    let calls: Vec<Call> = (groups.iter())
        .map(|group| Call::command_on("MGET", names(group)))
        .collect();
    let mut texts: Vec<PortResult<Option<String>>> = Vec::with_capacity(keys.len());
    texts.resize_with(keys.len(), || Ok(None));
    let mut missing = Vec::new();
    let values = shared.link().call_each(operation, &calls).await?;
    for (group, value) in groups.iter().zip(values) {
        let found = value.and_then(|value| list(value, operation));
        let found = match found {
            Ok(found) if found.len() == group.places.len() => found,
            Ok(_) => return Err(unreadable(operation, "the texts of runs")),
            Err(error) => {
                let (kind, detail) = (error.kind(), error.to_string());
                for place in &group.places {
                    if let Some(slot) = texts.get_mut(*place) {
                        *slot = Err(PortError::new(kind, operation, &detail));
                    }
                }
                continue;
            }
        };
        for (place, value) in group.places.iter().zip(found) {
            let text = optional_text(value, "the text of a run", operation);
            if let (Ok(None), Some(key)) = (&text, keys.get(*place)) {
                missing.push((*place, named(&group.keys, key.id)));
            }
            if let Some(slot) = texts.get_mut(*place) {
                *slot = text;
            }
        }
    }
    tell_others(shared, &missing, &mut texts, operation).await?;
    Ok(texts)
}

/// What is not a text is none to `MGET`. Such a key is damaged, and not missing.
async fn tell_others(
    shared: &Shared,
    missing: &[(usize, String)],
    texts: &mut [PortResult<Option<String>>],
    operation: &'static str,
) -> PortResult<()> {
    let calls: Vec<Call> = missing
        .iter()
        .map(|(_, key)| Call::command("TYPE", key.clone()))
        .collect();
    let values = shared.link().call_each(operation, &calls).await?;
    for ((place, key), value) in missing.iter().zip(values) {
        let kind = value.and_then(|value| optional_text(value, "the type of a key", operation));
        let Some(slot) = texts.get_mut(*place) else {
            continue;
        };
        match kind {
            Ok(kind) => {
                let kind = kind.as_deref().unwrap_or("none");
                if kind != "none" && kind != "string" {
                    let detail = format_args!("`{key}` is a {kind}, expected a string");
                    *slot = Err(PortError::new(PortErrorKind::Corrupt, operation, detail));
                }
            }
            Err(error) => *slot = Err(error),
        }
    }
    Ok(())
}
