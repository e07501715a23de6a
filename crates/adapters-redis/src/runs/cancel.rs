//! Cancels: of a queued run a guarded transition, of a running one a flag.

use countersign_ports::{Cancellation, Cancelled, PortResult};

use super::batch::{Answers, by_workspace, unknown};
use super::{RedisRuns, places, push_note};
use crate::script::{Call, script};

script!(CANCEL writes "run", "cancel");

pub(super) async fn cancel(
    runs: &RedisRuns,
    cancellations: &[Cancellation],
) -> PortResult<Vec<Cancelled>> {
    const OPERATION: &str = "cancel";
    let shared = &*runs.shared;
    let ids = cancellations.iter().map(|one| one.run);
    let workspaces = places::find(shared, ids, OPERATION).await?;
    let groups = by_workspace(shared.keys(), workspaces.iter().map(Option::as_ref));
    let calls: Vec<Call> = groups
        .iter()
        .map(|group| {
            let mut keys = group.keys.of_runs();
            keys.push(shared.marker(&group.keys));
            keys.extend(
                (group.each(cancellations)).flat_map(|one| group.keys.run_and_more(one.run)),
            );
            let mut call = Call::script(&CANCEL, keys).arg(shared.id());
            for one in group.each(cancellations) {
                push_note(&mut call, Some(&one.note));
            }
            call
        })
        .collect();
    let mut answers = Answers::to(cancellations.len(), OPERATION);
    answers.set_missing(&workspaces, || Cancelled::NotFound);
    answers
        .ask(shared, &groups, &calls, |_, mut said| {
            Ok(match said.word.as_str() {
                "before_start" => Cancelled::BeforeStart,
                "requested" => Cancelled::Requested,
                "already_requested" => Cancelled::AlreadyRequested,
                "completed" => Cancelled::AlreadyCompleted(said.rest.parsed("outcome")?),
                "not_found" => Cancelled::NotFound,
                other => return unknown(other, OPERATION),
            })
        })
        .await?;
    answers.settle(|| Some(Cancelled::NotFound))
}
