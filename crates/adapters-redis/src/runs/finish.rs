//! Completes runs under their lease, and queues the successors of those that failed.

use std::collections::HashMap;

use countersign_domain::{CancelNote, Failure, JsonText, RunId, RunOutcome, WorkspaceId};
use countersign_ports::{Finish, Finished, PortResult, QueueEntry, RunKey, Successor, Work};

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
    let sent: Vec<Sent<'_>> = (finishes.iter().zip(are_simple(finishes)).zip(free))
        .map(|((finish, is_simple), free)| Sent {
            finish,
            is_simple,
            successor: wanted(finish).filter(|_| free),
        })
        .collect();
    let mut groups = by_workspace(
        shared.keys(),
        finishes.iter().map(|one| Some(&one.run.workspace_id)),
    );
    let calls: Vec<Call> = groups.iter_mut().map(|group| call(group, &sent)).collect();
    let mut answers = Answers::to(finishes.len(), OPERATION);
    answers
        .ask(shared, &groups, &calls, |place, mut said| {
            let Some(finish) = finishes.get(place) else {
                return unknown(&said.word, OPERATION);
            };
            Ok(match said.word.as_str() {
                "completed" => Ended::Now(
                    said.rest.parsed("outcome")?,
                    match said.rest.left() {
                        0 => None,
                        _ => {
                            read_successor(said.rest.value()?, &finish.run.workspace_id, OPERATION)?
                        }
                    },
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
fn wanted(finish: &Finish) -> Option<&Successor> {
    match finish.work {
        Work::Failed(_) => finish.successor.as_ref(),
        Work::Succeeded | Work::PartiallySucceeded | Work::Cancelled(_) => None,
    }
}

/// Those that simply succeeded, with nothing to be kept but that. Not where a batch names a run twice: there the first
/// counts.
fn are_simple(finishes: &[Finish]) -> Vec<bool> {
    let mut named: HashMap<RunId, usize> = HashMap::with_capacity(finishes.len());
    for finish in finishes {
        *named.entry(finish.run.id).or_default() += 1;
    }
    let succeeded =
        |one: &Finish| one.work == Work::Succeeded && one.result.is_none() && one.output.is_none();
    finishes
        .iter()
        .map(|one| succeeded(one) && named.get(&one.run.id) == Some(&1))
        .collect()
}

/// A completion on its way to the script.
struct Sent<'a> {
    finish: &'a Finish,
    is_simple: bool,
    /// To be queued if nobody cancels the run first; its id is free.
    successor: Option<&'a Successor>,
}

/// The script takes those first that simply succeeded: the group is put in that order.
fn call(group: &mut Group, sent: &[Sent<'_>]) -> Call {
    group.sort_by_key(|place| !sent.get(*place).is_some_and(|one| one.is_simple));
    let (simple, others): (Vec<&Sent<'_>>, _) = group.each(sent).partition(|one| one.is_simple);
    let mut keys = group.keys.of_runs();
    keys.extend(simple.iter().map(|one| group.keys.run(one.finish.run.id)));
    for one in &others {
        let id = one.finish.run.id;
        keys.extend(group.keys.run_and_more(id));
        if let Some(successor) = one.successor {
            let next = successor.id;
            keys.extend([
                group.keys.context(id),
                group.keys.run(next),
                group.keys.context(next),
            ]);
        }
    }
    let mut call = Call::script(&FINISH, keys).arg(simple.len());
    for one in simple {
        call.push(one.finish.lease_id.to_string());
    }
    for Sent {
        finish, successor, ..
    } in others
    {
        let (outcome, failure, cancel) = parts(&finish.work);
        call.push(finish.lease_id.to_string());
        call.push(outcome.as_str());
        call.push(finish.result.as_ref().map_or("", JsonText::as_str));
        call.push(finish.output.as_ref().map_or("", JsonText::as_str));
        call.push(failure.map_or("", |failure| failure.code.as_str()));
        call.push(failure.map_or("", |failure| failure.message.as_str()));
        push_note(&mut call, cancel);
        call.push(u8::from(successor.is_some()));
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
