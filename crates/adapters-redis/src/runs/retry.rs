//! An operator's retry: a successor of a completed run, whatever its attempt.

use countersign_domain::{RunId, WorkspaceId};
use countersign_ports::{PortError, PortErrorKind, PortResult, Retried, Retry};

use super::batch::{Answers, by_workspace, unknown};
use super::succeed::read_successor;
use super::{RedisRuns, places};
use crate::script::{Call, script};

const OPERATION: &str = "retry";

script!(RETRY writes "run", "succeed", "retry");

pub(super) async fn retry(runs: &RedisRuns, retries: &[Retry]) -> PortResult<Vec<Retried>> {
    let shared = &*runs.shared;
    let ids = retries.iter().map(|one| one.run);
    let mut workspaces = places::find(shared, ids, OPERATION).await?;
    let mut answers = Answers::to(retries.len(), OPERATION);
    answers.set_missing(&workspaces, || Retried::NotFound);
    let claims: Vec<(RunId, &WorkspaceId)> = retries
        .iter()
        .zip(&workspaces)
        .filter_map(|(one, workspace)| Some((one.successor, workspace.as_ref()?)))
        .collect();
    let mut elsewhere = places::claim(shared, &claims, OPERATION).await?.into_iter();
    for (place, (one, workspace)) in retries.iter().zip(&mut workspaces).enumerate() {
        if workspace.is_some() && elsewhere.next().flatten().is_some() {
            // The successor's id was taken by another run.
            *workspace = None;
            answers.set(place, Ok(Retried::Existing { id: one.successor }));
        }
    }
    let groups = by_workspace(shared.keys(), workspaces.iter().map(Option::as_ref));
    let calls: Vec<Call> = groups
        .iter()
        .map(|group| {
            let mut keys = group.keys.of_runs();
            keys.push(shared.marker(&group.keys));
            for one in group.each(retries) {
                for id in [one.run, one.successor] {
                    keys.extend([group.keys.run(id), group.keys.context(id)]);
                }
            }
            let mut call = Call::script(&RETRY, keys).arg(shared.id());
            for one in group.each(retries) {
                call.push(one.requested_by.as_str());
            }
            call
        })
        .collect();
    answers
        .ask(shared, &groups, &calls, |place, mut said| {
            Ok(match said.word.as_str() {
                "created" => {
                    let workspace = workspaces.get(place).and_then(Option::as_ref);
                    let entry = match workspace {
                        Some(workspace) => {
                            read_successor(said.rest.value()?, workspace, OPERATION)?
                        }
                        None => None,
                    };
                    Retried::Created(entry.ok_or_else(no_entry)?)
                }
                "existing" => Retried::Existing {
                    id: said.rest.parsed("run id")?,
                },
                "held" => Retried::UniqueKeyHeld {
                    holder: said.rest.parsed("run id")?,
                },
                "not_completed" => Retried::NotCompleted,
                "not_found" => Retried::NotFound,
                other => return unknown(other, OPERATION),
            })
        })
        .await?;
    answers.settle(|| Some(Retried::NotFound))
}

fn no_entry() -> PortError {
    let detail = "a successor was queued without an entry";
    PortError::new(PortErrorKind::Corrupt, OPERATION, detail)
}
