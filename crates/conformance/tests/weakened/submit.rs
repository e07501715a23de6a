//! Submissions, weakened.

use std::time::Duration;

use countersign_domain::{RunId, RunStatus, Submission, SubmittedContext};
use countersign_ports::{PortResult, RunRepository, Submitted};

use super::{Weakened, Weakness};
use crate::memory::state::State;

impl Weakened {
    pub(super) async fn submit_one(&self, submission: &Submission) -> PortResult<Submitted> {
        let mut submission = submission.clone();
        let mut hidden = Vec::new();
        {
            let mut state = self.inner.lock();
            let taken = submission.id.is_some_and(|id| state.runs.contains_key(&id));
            match self.weakness {
                Weakness::IdNotIdempotent if taken => submission.id = None,
                Weakness::TimesInMilliseconds => {
                    submission.due_at = submission.due_at.map(|due_at| {
                        let rest = due_at.as_micros().rem_euclid(1000);
                        due_at.minus(Duration::from_micros(rest.unsigned_abs()))
                    });
                }
                Weakness::ContextReadAndWritten => {
                    submission.context = read_and_written(&submission.context);
                }
                Weakness::KeysFolded => {
                    submission.unique_key = submission
                        .unique_key
                        .map(|key| key.as_str().to_lowercase().parse().unwrap());
                }
                Weakness::KeyNotEnforced => {
                    for row in state.runs.values_mut() {
                        hidden.push((row.run.id, row.run.unique_key.take()));
                    }
                }
                Weakness::KeyAcrossTenants => {
                    if let Some(id) = holder_in_any_tenant(&state, &submission) {
                        return Ok(Submitted::Existing { id });
                    }
                }
                _ => {}
            }
        }
        let mut answer = self.inner.submit(&[submission]).await?.remove(0);
        let mut state = self.inner.lock();
        for (run, key) in hidden {
            if let Some(row) = state.runs.get_mut(&run) {
                row.run.unique_key = key;
            }
        }
        match (self.weakness, &answer) {
            (Weakness::IdTakenNotTold, Submitted::IdTaken { id }) => {
                answer = Submitted::Existing { id: *id };
            }
            (Weakness::EntryForgotten, Submitted::Created { id, .. }) => {
                let id = *id;
                state.dequeue(id);
            }
            _ => {}
        }
        Ok(answer)
    }
}

fn holder_in_any_tenant(state: &State, submission: &Submission) -> Option<RunId> {
    let key = submission.unique_key.as_ref()?;
    let mut unfinished = state
        .runs
        .values()
        .map(|row| &row.run)
        .filter(|run| run.status != RunStatus::Completed);
    let holder = unfinished.find(|run| run.unique_key.as_ref() == Some(key));
    holder.map(|run| run.id)
}

/// A context that went through a general reader and writer of JSON.
fn read_and_written(context: &SubmittedContext) -> SubmittedContext {
    let value: Result<serde_json::Value, _> = serde_json::from_str(context.as_str());
    let text = value.map_or_else(|_| "{}".to_owned(), |value| value.to_string());
    SubmittedContext::parse(&text).unwrap()
}
