//! Renews leases every third of their length, and judges every running run again (G7).
//!
//! A lease that is not renewed in time is noticed where its handler is watched, in [`super::execute`]:
//! by the clock, whatever becomes of renewals.

use std::sync::Arc;
use std::time::Instant;

use countersign_domain::{
    ActorName, CancelNote, Continuity, ContinuityRecord, ExecutionContext, JsonText,
};
use countersign_ports::{Renewal, Renewed};

use super::Shared;
use super::running::{RunningRun, StopCause};
use crate::verdict::{Verdict, verdicts};

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
    let contexts: Vec<ExecutionContext> = running.iter().map(|run| run.context.clone()).collect();
    match verdicts(&shared.ports, &contexts).await {
        Ok(verdicts) => contexts
            .iter()
            .zip(verdicts)
            .map(|(context, one)| deny(context, one))
            .collect(),
        Err(error) => {
            tracing::warn!(%error, "authority cannot be read; running runs go on");
            vec![None; running.len()]
        }
    }
}

fn deny(context: &ExecutionContext, verdict: Verdict) -> Option<ContinuityRecord> {
    match verdict {
        Verdict::Decided(decision, authority) => {
            ContinuityRecord::new(context, authority.facts(), &decision)
        }
        Verdict::Undecided(_) => None,
    }
}
