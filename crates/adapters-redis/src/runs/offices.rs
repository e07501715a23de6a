//! Offices that one worker at a time holds.

use countersign_ports::{Candidacy, Elected, PortResult};

use super::batch::unknown;
use super::{RedisRuns, micros_of};
use crate::error::unreadable;
use crate::rows::optional_text;
use crate::script::{Call, script};

script!(ELECT writes "elect");
script!(STEP_DOWN writes "step_down");

pub(super) async fn elect(runs: &RedisRuns, candidacy: &Candidacy<'_>) -> PortResult<Elected> {
    const OPERATION: &str = "elect";
    let shared = &*runs.shared;
    let call = Call::script(&ELECT, vec![shared.keys().offices()])
        .arg(candidacy.office)
        .arg(candidacy.holder)
        .arg(micros_of(candidacy.term));
    let answer = shared.link().call(OPERATION, call).await?;
    match optional_text(answer, "the answer of a script", OPERATION)?.as_deref() {
        Some("holder") => Ok(Elected::Holder),
        Some("another") => Ok(Elected::Another),
        Some(other) => unknown(other, OPERATION),
        None => Err(unreadable(OPERATION, "the answer of a script")),
    }
}

pub(super) async fn step_down(runs: &RedisRuns, office: &str, holder: &str) -> PortResult<()> {
    const OPERATION: &str = "step_down";
    let shared = &*runs.shared;
    let call = Call::script(&STEP_DOWN, vec![shared.keys().offices()])
        .arg(office)
        .arg(holder);
    shared.link().call(OPERATION, call).await?;
    Ok(())
}
