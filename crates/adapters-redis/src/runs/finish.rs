//! Completes runs under their lease, and queues the successors of those that failed.

use countersign_domain::{CancelNote, Failure, JsonText, RunId, RunOutcome, WorkspaceId};
use countersign_ports::{Finish, Finished, PortResult, QueueEntry, RunKey, Work};

use super::batch::{Answers, Group, by_workspace, unknown};
use super::succeed::read_successor;
use super::{RedisRuns, micros_of, places, push_note, read};
use crate::script::{Call, script};
use crate::store::Shared;

const OPERATION: &str = "finish";

script!(FINISH writes "run", "succeed", "finish");

pub(super) async fn finish(runs: &RedisRuns, finishes: &[Finish]) -> PortResult<Vec<Finished>> {
    let shared = &*runs.shared;
    let free = claim_successors(shared, finishes).await?;
    let groups = by_workspace(
        shared,
        finishes.iter().map(|one| Some(&one.run.workspace_id)),
    );
    let calls: Vec<Call> = groups
        .iter()
        .map(|group| call(group, finishes, &free))
        .collect();
    let mut answers = Answers::to(finishes.len(), OPERATION);
    answers
        .ask(shared, &groups, &calls, |place, mut said| {
            let Some(finish) = finishes.get(place) else {
                return unknown(&said.word, OPERATION);
            };
            Ok(match said.word.as_str() {
                "completed" => Ended::Now(
                    said.rest.parsed("outcome")?,
                    read_successor(said.rest.value()?, &finish.run.workspace_id, OPERATION)?,
                ),
                "before" => Ended::Before(
                    said.rest.parsed("outcome")?,
                    said.rest.optional("successor")?,
                ),
                "lost" => Ended::LeaseLost,
                other => return unknown(other, OPERATION),
            })
        })
        .await?;
    answer(shared, finishes, answers.settle(|| Some(Ended::LeaseLost))?).await
}

/// What the script said of a completion.
enum Ended {
    Now(RunOutcome, Option<QueueEntry>),
    Before(RunOutcome, Option<RunId>),
    LeaseLost,
}

/// Answers with what is on record, the entries of earlier successors among it.
async fn answer(
    shared: &Shared,
    finishes: &[Finish],
    ended: Vec<Ended>,
) -> PortResult<Vec<Finished>> {
    let earlier: Vec<RunKey> = finishes
        .iter()
        .zip(&ended)
        .filter_map(|(finish, ended)| match ended {
            Ended::Before(_, Some(id)) => Some(RunKey {
                id: *id,
                workspace_id: finish.run.workspace_id.clone(),
            }),
            Ended::Before(_, None) | Ended::Now(..) | Ended::LeaseLost => None,
        })
        .collect();
    let mut entries = read::entries(shared, &earlier, OPERATION)
        .await?
        .into_iter();
    Ok(ended
        .into_iter()
        .map(|ended| match ended {
            Ended::Now(outcome, successor) => Finished::Completed { outcome, successor },
            Ended::Before(outcome, successor) => Finished::Completed {
                outcome,
                successor: successor.and_then(|_| entries.next().flatten()),
            },
            Ended::LeaseLost => Finished::LeaseLost,
        })
        .collect())
}

/// Writes down where successors will be; answers which finishes have one whose id is free.
async fn claim_successors(shared: &Shared, finishes: &[Finish]) -> PortResult<Vec<bool>> {
    let claims: Vec<(RunId, &WorkspaceId)> = finishes
        .iter()
        .filter_map(|one| Some((wanted(one)?.id, &one.run.workspace_id)))
        .collect();
    if claims.is_empty() {
        return Ok(vec![false; finishes.len()]);
    }
    let mut elsewhere = places::claim(shared, &claims, OPERATION).await?.into_iter();
    Ok(finishes
        .iter()
        .map(|one| wanted(one).is_some() && elsewhere.next().flatten().is_none())
        .collect())
}

/// The successor to queue if nobody cancels the run first.
fn wanted(finish: &Finish) -> Option<&countersign_ports::Successor> {
    match finish.work {
        Work::Failed(_) => finish.successor.as_ref(),
        Work::Succeeded | Work::PartiallySucceeded | Work::Cancelled(_) => None,
    }
}

fn call(group: &Group, finishes: &[Finish], free: &[bool]) -> Call {
    let successor = |finish, free: &bool| wanted(finish).filter(|_| *free);
    let mut keys = group.keys.of_runs();
    for (finish, free) in group.of(finishes, free) {
        let both = |id| [group.keys.run(id), group.keys.context(id)];
        keys.extend(both(finish.run.id));
        keys.extend(
            successor(finish, free)
                .into_iter()
                .flat_map(|one| both(one.id)),
        );
    }
    let mut call = Call::script(&FINISH, keys);
    for (finish, free) in group.of(finishes, free) {
        let (outcome, failure, cancel) = parts(&finish.work);
        call.push(finish.run.id.to_string());
        call.push(finish.lease_id.to_string());
        call.push(outcome.as_str());
        call.push(finish.result.as_ref().map_or("", JsonText::as_str));
        call.push(finish.output.as_ref().map_or("", JsonText::as_str));
        call.push(failure.map_or("", |failure| failure.code.as_str()));
        call.push(failure.map_or("", |failure| failure.message.as_str()));
        push_note(&mut call, cancel);
        let successor = successor(finish, free);
        call.push(successor.map(|one| one.id.to_string()).unwrap_or_default());
        call.push(successor.map_or(0, |one| micros_of(one.wait)));
    }
    call
}

fn parts(work: &Work) -> (RunOutcome, Option<&Failure>, Option<&CancelNote>) {
    match work {
        Work::Succeeded => (RunOutcome::Succeeded, None, None),
        Work::PartiallySucceeded => (RunOutcome::PartiallySucceeded, None, None),
        Work::Failed(failure) => (RunOutcome::Failed, Some(failure), None),
        Work::Cancelled(note) => (RunOutcome::Cancelled, None, Some(note)),
    }
}
