//! Facts as they were elsewhere. In a cluster in two steps, the directory and then the slices: each can be repeated.

use countersign_domain::{AuthorityChange, WorkspaceId};
use countersign_ports::{Imported, PortError, PortResult};

use super::import::{Filling, OPERATION, imported};
use crate::authority;
use crate::rows::Columns;
use crate::script::{Call, script};

script!(IMPORT_FACTS writes "plan", "directory", "slice", "import_facts");
script!(IMPORT_SLICE writes "plan", "slice", "import_slice");

pub(super) async fn import_facts(
    into: &Filling<'_>,
    facts: &[&AuthorityChange],
) -> PortResult<Vec<Imported>> {
    if facts.is_empty() {
        return Ok(Vec::new());
    }
    let shared = into.shared;
    let mut call = authority::directory_call(shared, &IMPORT_FACTS)
        .arg(into.movement.to_string())
        .arg(u8::from(shared.is_in_slots()));
    for fact in facts {
        call.push(line(fact)?);
    }
    let told = shared.link().call(OPERATION, call).await?;
    let mut told = Columns::of(told, OPERATION)?;
    let mut answers = vec![Imported::Present; facts.len()];
    for (fact, answer) in facts.iter().zip(&mut answers) {
        let value = told.value()?;
        // Of what slices alone have, they tell.
        if !(shared.is_in_slots() && is_of_slices(fact)) {
            *answer = imported(value)?;
        }
    }
    let mut asked: Vec<(WorkspaceId, String)> = Vec::with_capacity(told.left() / 2);
    while told.left() > 0 {
        asked.push((told.parsed("workspace id")?, told.text("what is asked")?));
    }
    into.enlist(asked.iter().map(|(workspace, _)| workspace).collect())
        .await?;
    let call = |(workspace, orders): &(WorkspaceId, String)| {
        into.call(&IMPORT_SLICE, workspace, |keys| vec![keys.slice()])
            .arg(orders)
    };
    let calls: Vec<Call> = asked.iter().map(call).collect();
    for told in into.call_all(&calls).await? {
        let mut told = Columns::of(told, OPERATION)?;
        while told.left() > 0 {
            let number: usize = told.parsed("number of a fact")?;
            let was_there = imported(told.value()?)?;
            // Lua counts from one.
            let fact = number.checked_sub(1).and_then(|place| facts.get(place));
            let answer = number
                .checked_sub(1)
                .and_then(|place| answers.get_mut(place));
            if let (Some(fact), Some(answer)) = (fact, answer)
                && is_of_slices(fact)
            {
                *answer = was_there;
            }
        }
    }
    Ok(answers)
}

/// Whether the directory knows nothing of it.
fn is_of_slices(fact: &AuthorityChange) -> bool {
    match fact {
        AuthorityChange::SetWorkspace { .. }
        | AuthorityChange::SetWriteGate { .. }
        | AuthorityChange::SetPrerequisite { .. } => true,
        AuthorityChange::DefineRole { .. }
        | AuthorityChange::SetTenant { .. }
        | AuthorityChange::SetUser { .. }
        | AuthorityChange::RemoveUser { .. }
        | AuthorityChange::Grant { .. }
        | AuthorityChange::Revoke { .. }
        | AuthorityChange::SetConnection { .. } => false,
    }
}

/// A fact as the script takes it.
fn line(fact: &AuthorityChange) -> PortResult<String> {
    serde_json::to_string(&authority::words(fact))
        .map_err(|error| PortError::corrupt(OPERATION, "a fact", error))
}
