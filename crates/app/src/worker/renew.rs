//! Renews leases every third of their length, and judges every running run again (G7).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use countersign_domain::{
    ActorName, AuthorityQuery, CancelNote, Continuity, ContinuityRecord, JsonText, decide,
};
use countersign_ports::{Authority, LookedUp, Renewal, Renewed};

use super::Shared;
use super::running::{RunningRun, StopCause};

pub(super) async fn renew(shared: Arc<Shared>) {
    let third = shared.settings.lease_for / 3;
    let mut tick = tokio::time::interval(third);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    tick.tick().await;
    loop {
        tick.tick().await;
        let running = shared.running.all();
        if running.is_empty() {
            continue;
        }
        if tokio::time::timeout(third, renew_all(&shared, &running))
            .await
            .is_err()
        {
            tracing::warn!(
                runs = running.len(),
                "leases were not renewed in time; trying again"
            );
        }
        // What the next renewal cannot save must have stopped before its lease lapses.
        for run in shared.running.all() {
            if run.deadline().saturating_duration_since(Instant::now()) < third {
                tracing::error!(run = %run.key.id, "the lease cannot be renewed; stopping its handler");
                run.stop(StopCause::LeaseLost);
            }
        }
    }
}

async fn renew_all(shared: &Shared, running: &[Arc<RunningRun>]) {
    let denies = denies(shared, running).await;
    let lease_for = shared.settings.lease_for;
    let renewals: Vec<Renewal> = running
        .iter()
        .zip(denies)
        .map(|(run, deny)| Renewal {
            run: run.key.clone(),
            lease_id: run.lease_id,
            lease_for,
            continuity: deny.as_ref().and_then(|deny| JsonText::of(deny).ok()),
            cancel: deny.as_ref().and_then(cancel_note),
        })
        .collect();
    let sent_at = Instant::now();
    let answers = match shared.ports.runs().renew(&renewals).await {
        Ok(answers) => answers,
        Err(error) => {
            tracing::warn!(%error, runs = renewals.len(), "leases cannot be renewed");
            return;
        }
    };
    for (run, answer) in running.iter().zip(answers) {
        match answer {
            Renewed::Held { cancel } => {
                run.extend(sent_at, lease_for);
                if let Some(note) = cancel {
                    run.stop(StopCause::Flagged(note));
                }
            }
            Renewed::LeaseLost => run.stop(StopCause::LeaseLost),
        }
    }
}

/// Who cancels a run whose authority was withdrawn while it ran, where its operation says so.
fn cancel_note(deny: &ContinuityRecord) -> Option<CancelNote> {
    match deny.action {
        Continuity::Finish => None,
        Continuity::Cancel => Some(CancelNote {
            by: ActorName::new("continuity").ok()?,
            reason: Some(deny.reason_code.to_string()),
        }),
    }
}

/// A deny for each run that would not be let start now. Undecided changes nothing.
async fn denies(shared: &Shared, running: &[Arc<RunningRun>]) -> Vec<Option<ContinuityRecord>> {
    let mut places: HashMap<AuthorityQuery, usize> = HashMap::new();
    let mut queries = Vec::new();
    let asked: Vec<usize> = running
        .iter()
        .map(|run| {
            let query = run.context.query();
            *places.entry(query).or_insert_with_key(|query| {
                queries.push(query.clone());
                queries.len() - 1
            })
        })
        .collect();
    let answers = match shared.ports.authority().look_up(&queries).await {
        Ok(answers) => answers,
        Err(error) => {
            tracing::warn!(%error, "authority cannot be read; running runs go on");
            Vec::new()
        }
    };
    let found = |place: usize| match answers.get(place) {
        Some(LookedUp::Found(authority)) => Some(authority),
        Some(LookedUp::Undecided(_)) | None => None,
    };
    running
        .iter()
        .zip(asked)
        .map(|(run, place)| deny(run, found(place)?))
        .collect()
}

fn deny(run: &RunningRun, authority: &Authority) -> Option<ContinuityRecord> {
    let decision = decide(&run.context, authority.facts());
    ContinuityRecord::new(&run.context, authority.facts(), &decision)
}
