//! Queues runs, a script a workspace. In a cluster where each will be is written first.

use countersign_domain::{RunId, Submission, Timestamp, WorkspaceId};
use countersign_ports::{PortResult, Submitted, fresh_run_id};

use super::RedisRuns;
use super::batch::{Answers, by_workspace, unknown};
use super::places;
use crate::script::{Call, script};
use crate::store::Shared;
use crate::stored_run::asked;
use crate::workspaces;

const OPERATION: &str = "submit";

script!(SUBMIT writes "run", "submit");

pub(super) async fn submit(
    runs: &RedisRuns,
    submissions: &[Submission],
) -> PortResult<Vec<Submitted>> {
    let shared = &*runs.shared;
    let ids: Vec<RunId> = submissions
        .iter()
        .map(|submission| submission.id.unwrap_or_else(fresh_run_id))
        .collect();
    let is_alone = !shared.is_in_slots();
    let elsewhere = match is_alone {
        true => vec![None; ids.len()],
        false => announce(shared, &ids, submissions).await?,
    };
    let mut answers = Answers::to(submissions.len(), OPERATION);
    for (place, (id, elsewhere)) in ids.iter().zip(&elsewhere).enumerate() {
        if elsewhere.is_some() {
            answers.set(place, Ok(Submitted::IdTaken { id: *id }));
        }
    }
    let here = submissions
        .iter()
        .zip(&elsewhere)
        .map(|(submission, elsewhere)| elsewhere.is_none().then_some(&submission.workspace_id));
    let groups = by_workspace(shared.keys(), here);
    let calls: Vec<Call> = groups
        .iter()
        .map(|group| {
            let mut keys = group.keys.of_runs();
            keys.push(shared.marker(&group.keys));
            keys.extend(is_alone.then(|| shared.keys().workspaces()));
            for (id, _) in group.of(&ids, submissions) {
                keys.extend([group.keys.run(*id), group.keys.context(*id)]);
                keys.extend(is_alone.then(|| shared.keys().place(*id)));
            }
            let first = group.each(submissions).next().filter(|_| is_alone);
            let workspace = first.map_or("", |submission| submission.workspace_id.as_str());
            let mut call = Call::script(&SUBMIT, keys).arg(shared.id()).arg(workspace);
            for (id, submission) in group.of(&ids, submissions) {
                push(&mut call, *id, submission);
            }
            call
        })
        .collect();
    let id_at = |place: usize| ids.get(place).copied().unwrap_or(RunId::EXAMPLE);
    answers
        .ask(shared, &groups, &calls, |place, mut said| {
            Ok(match said.word.as_str() {
                "created" => Submitted::Created {
                    id: id_at(place),
                    due_at: said.rest.time("due at")?,
                },
                "existing" => Submitted::Existing {
                    id: said.rest.parsed("run id")?,
                },
                "taken" => Submitted::IdTaken { id: id_at(place) },
                other => return unknown(other, OPERATION),
            })
        })
        .await?;
    answers.settle(|| None)
}

/// Writes down the workspaces and where the runs will be, before the runs: whoever lists them looks for them there.
/// Answers, for ids that belong to a run of another workspace, with that one.
async fn announce(
    shared: &Shared,
    ids: &[RunId],
    submissions: &[Submission],
) -> PortResult<Vec<Option<WorkspaceId>>> {
    let named = submissions
        .iter()
        .map(|submission| &submission.workspace_id);
    workspaces::enlist(shared, named.collect(), OPERATION).await?;
    let claims: Vec<(RunId, &WorkspaceId)> = ids
        .iter()
        .zip(submissions)
        .map(|(id, submission)| (*id, &submission.workspace_id))
        .collect();
    places::claim(shared, &claims, OPERATION).await
}

fn push(call: &mut Call, id: RunId, submission: &Submission) {
    let asked = asked(
        &submission.tenant_id,
        submission.initiator.as_ref(),
        submission.authority_mode,
        &submission.operation_type,
        submission.provider_connection_id.as_ref(),
    );
    call.push(asked);
    let due_at = submission.due_at.map(Timestamp::as_micros);
    call.push(due_at.map(|micros| micros.to_string()).unwrap_or_default());
    let (priority, queue) = (submission.priority, &submission.queue_name);
    let unique_key = submission.unique_key.as_ref().map_or("", AsRef::as_ref);
    // The first attempt, at the head of a chain that nobody asked to be retried.
    call.push(format!("1\t{priority}\t{queue}\t{id}\t\t\t{unique_key}"));
    let (tenant, operation) = (&submission.tenant_id, &submission.operation_type);
    call.push(match unique_key {
        "" => String::new(),
        key => format!("{tenant}\n{operation}\n{key}"),
    });
    call.push(submission.context.as_str());
}
