//! Puts off runs whose authority could not be read, and gives up on those put off for too long.

use countersign_ports::{PortResult, PutOff, Undecided, UndecidedPolicy};

use super::batch::{Answers, by_workspace, unknown};
use super::{RedisRuns, micros_of};
use crate::script::{Call, script};

script!(PUT_OFF writes "run", "put_off");

pub(super) async fn put_off(
    runs: &RedisRuns,
    undecided: &[Undecided],
    policy: &UndecidedPolicy,
) -> PortResult<Vec<PutOff>> {
    const OPERATION: &str = "put_off";
    let shared = &*runs.shared;
    let groups = by_workspace(
        shared.keys(),
        undecided.iter().map(|one| Some(&one.run.workspace_id)),
    );
    let calls: Vec<Call> = groups
        .iter()
        .map(|group| {
            let mut keys = group.keys.of_runs();
            keys.push(shared.marker(&group.keys));
            keys.extend(
                (group.each(undecided)).flat_map(|one| group.keys.run_and_more(one.run.id)),
            );
            let mut call = Call::script(&PUT_OFF, keys)
                .arg(shared.id())
                .arg(micros_of(policy.first_wait))
                .arg(micros_of(policy.longest_wait))
                .arg(micros_of(policy.give_up_after));
            for one in group.each(undecided) {
                call.push(&one.cause);
            }
            call
        })
        .collect();
    let mut answers = Answers::to(undecided.len(), OPERATION);
    answers
        .ask(shared, &groups, &calls, |_, mut said| {
            Ok(match said.word.as_str() {
                "waiting" => PutOff::Waiting {
                    since: said.rest.time("undecided since")?,
                    until: said.rest.time("put off until")?,
                },
                "gave_up" => PutOff::GaveUp,
                "not_queued" => PutOff::NotQueued,
                other => return unknown(other, OPERATION),
            })
        })
        .await?;
    answers.settle(|| Some(PutOff::NotQueued))
}
