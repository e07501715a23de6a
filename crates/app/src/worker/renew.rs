//! Renews leases every third of their length, and judges every running run again (G7).
//!
//! A lease that is not renewed in time is noticed where its handler is watched, in [`super::execute`]:
//! by the clock, whatever becomes of renewals.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_domain::{
    ActorName, CancelNote, Continuity, ContinuityRecord, ExecutionContext, JsonText, WorkspaceId,
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
        if !running.is_empty() {
            renew_all(&shared, running, 2 * third / 3).await;
        }
    }
}

/// Judges, and renews: together, or each workspace for itself where that fails, as one whose server is away must not
/// keep the others from theirs. Each step is given this long, so that the last one comes in time.
async fn renew_all(shared: &Shared, running: Vec<Arc<RunningRun>>, patience: Duration) {
    let judged = tokio::time::timeout(patience, denies(shared, &running)).await;
    let denies = judged.unwrap_or_else(|_elapsed| {
        tracing::warn!("authority is not read in time; running runs go on");
        vec![None; running.len()]
    });
    let renewals: Vec<(Arc<RunningRun>, Renewal)> = running
        .into_iter()
        .zip(denies)
        .map(|(run, deny)| {
            let renewal = Renewal {
                run: run.key.clone(),
                lease_id: run.lease_id,
                lease_for: shared.settings.lease_for,
                continuity: deny.as_ref().and_then(|deny| JsonText::of(deny).ok()),
                cancel: deny.as_ref().and_then(cancel_note),
            };
            (run, renewal)
        })
        .collect();
    if renew_together(shared, &renewals, patience).await {
        return;
    }
    let mut by_workspace: HashMap<WorkspaceId, Vec<(Arc<RunningRun>, Renewal)>> = HashMap::new();
    for (run, renewal) in renewals {
        let workspace = run.key.workspace_id.clone();
        by_workspace
            .entry(workspace)
            .or_default()
            .push((run, renewal));
    }
    if by_workspace.len() > 1 {
        let each = by_workspace
            .values()
            .map(|renewals| renew_together(shared, renewals, patience));
        futures::future::join_all(each).await;
    }
}

/// Whether the store has answered in time.
async fn renew_together(
    shared: &Shared,
    renewals: &[(Arc<RunningRun>, Renewal)],
    patience: Duration,
) -> bool {
    let sent_at = Instant::now();
    let batch: Vec<Renewal> = renewals
        .iter()
        .map(|(_, renewal)| renewal.clone())
        .collect();
    let answers = match tokio::time::timeout(patience, shared.ports.runs().renew(&batch)).await {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => {
            tracing::warn!(%error, runs = batch.len(), "leases cannot be renewed");
            return false;
        }
        Err(_elapsed) => {
            tracing::warn!(runs = batch.len(), "leases were not renewed in time");
            return false;
        }
    };
    for ((run, renewal), answer) in renewals.iter().zip(answers) {
        match answer {
            Renewed::Held { cancel } => {
                run.extend(sent_at, renewal.lease_for);
                if let Some(note) = cancel {
                    run.stop(StopCause::Flagged(note));
                }
            }
            Renewed::LeaseLost => run.stop(StopCause::LeaseLost),
        }
    }
    true
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
