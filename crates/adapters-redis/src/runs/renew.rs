//! Extends leases, and keeps what their renewal found.

use countersign_domain::{CancelNote, JsonText};
use countersign_ports::{PortResult, Renewal, Renewed};

use super::batch::{Answers, by_workspace, unknown};
use super::{RedisRuns, micros_of, push_note};
use crate::script::{Call, script};

script!(RENEW writes "run", "renew");

pub(super) async fn renew(runs: &RedisRuns, renewals: &[Renewal]) -> PortResult<Vec<Renewed>> {
    const OPERATION: &str = "renew";
    let shared = &*runs.shared;
    let groups = by_workspace(
        shared.keys(),
        renewals.iter().map(|one| Some(&one.run.workspace_id)),
    );
    let calls: Vec<Call> = groups
        .iter()
        .map(|group| {
            let mut keys = group.keys.of_runs();
            keys.extend((group.each(renewals)).flat_map(|one| group.keys.run_and_more(one.run.id)));
            let mut call = Call::script(&RENEW, keys);
            for renewal in group.each(renewals) {
                call.push(renewal.lease_id.to_string());
                call.push(micros_of(renewal.lease_for));
                call.push(renewal.continuity.as_ref().map_or("", JsonText::as_str));
                push_note(&mut call, renewal.cancel.as_ref());
            }
            call
        })
        .collect();
    let mut answers = Answers::to(renewals.len(), OPERATION);
    answers
        .ask(shared, &groups, &calls, |_, mut said| {
            Ok(match said.word.as_str() {
                "held" => {
                    let by = said.rest.optional("cancelled by")?;
                    let reason = said.rest.optional_text("why it was cancelled")?;
                    Renewed::Held {
                        cancel: by.map(|by| CancelNote { by, reason }),
                    }
                }
                "lost" => Renewed::LeaseLost,
                other => return unknown(other, OPERATION),
            })
        })
        .await?;
    answers.settle(|| Some(Renewed::LeaseLost))
}
