//! Running runs and how they end.

use std::slice::from_ref;
use std::time::Duration;

use countersign_domain::{
    CancelNote, Failure, FailureCode, JsonText, LeaseId, RunOutcome, Submission,
};
use countersign_ports::{
    Cancellation, Cancelled, Finish, Finished, QueueEntry, Renewal, Renewed, Rescue, Rescued,
    Retried, Retry, RunKey, Successor, Work, fresh_run_id,
};

use super::{Scene, patiently};
use crate::change::id;

/// A run that was started, and the lease it runs under.
#[derive(Debug, Clone)]
pub struct Running {
    /// The run.
    pub key: RunKey,
    /// Its lease.
    pub lease_id: LeaseId,
}

/// A handler that failed.
#[must_use]
pub fn failed() -> Work {
    Work::Failed(Failure {
        code: FailureCode::HandlerFailed,
        message: "the far end hung up".to_owned(),
    })
}

/// A note of who cancels, and why.
#[must_use]
pub fn note(by: &str, reason: &str) -> CancelNote {
    CancelNote {
        by: id(by),
        reason: Some(reason.to_owned()),
    }
}

/// A JSON document.
///
/// # Panics
/// When the text is none.
#[must_use]
pub fn json(text: &str) -> JsonText {
    JsonText::canonical(text).unwrap()
}

impl Running {
    /// A completion without result and without successor.
    #[must_use]
    pub fn finish(&self, work: Work) -> Finish {
        Finish {
            run: self.key.clone(),
            lease_id: self.lease_id,
            work,
            result: None,
            output: None,
            successor: None,
        }
    }

    /// A failure that is to be tried again after a wait.
    #[must_use]
    pub fn fail_and_retry(&self, wait: Duration) -> Finish {
        Finish {
            successor: Some(Successor {
                id: fresh_run_id(),
                wait,
            }),
            ..self.finish(failed())
        }
    }

    /// A renewal for that long, with nothing to report.
    #[must_use]
    pub fn renewal(&self, lease_for: Duration) -> Renewal {
        Renewal {
            run: self.key.clone(),
            lease_id: self.lease_id,
            lease_for,
            continuity: None,
            cancel: None,
        }
    }
}

impl Scene {
    /// Completes runs, and pushes their successors where the queue is the caller's to keep.
    pub async fn finish_all(&self, finishes: &[Finish]) -> Vec<Finished> {
        let finished = patiently(|| self.ports.runs.finish(finishes)).await;
        assert_eq!(finished.len(), finishes.len(), "an answer for each");
        let successors = finished.iter().filter_map(|finished| match finished {
            Finished::Completed { successor, .. } => successor.clone(),
            Finished::LeaseLost => None,
        });
        self.upkeep(successors).await;
        finished
    }

    /// Completes a run.
    pub async fn finish(&self, finish: Finish) -> Finished {
        let mut finished = self.finish_all(from_ref(&finish)).await;
        finished.remove(0)
    }

    /// Completes a run that ends with that outcome and has no successor.
    pub async fn complete(&self, running: &Running, work: Work) -> RunOutcome {
        match self.finish(running.finish(work)).await {
            Finished::Completed {
                outcome,
                successor: None,
            } => outcome,
            other => panic!("completed without successor: {other:?}"),
        }
    }

    /// Completes a run with a failure, and answers with its successor's entry.
    pub async fn fail_and_retry(&self, running: &Running, wait: Duration) -> QueueEntry {
        match self.finish(running.fail_and_retry(wait)).await {
            Finished::Completed {
                outcome: RunOutcome::Failed,
                successor: Some(entry),
            } => entry,
            other => panic!("failed with a successor: {other:?}"),
        }
    }

    /// Submits a run, starts it and lets it succeed.
    pub async fn succeeded(&self, submission: Submission) -> Running {
        let key = self.submit(submission).await;
        let running = self.start(&key).await;
        let outcome = self.complete(&running, Work::Succeeded).await;
        assert_eq!(outcome, RunOutcome::Succeeded);
        running
    }

    /// Renews one lease.
    pub async fn renew(&self, renewal: Renewal) -> Renewed {
        let mut renewed = patiently(|| self.ports.runs.renew(from_ref(&renewal))).await;
        assert_eq!(renewed.len(), 1, "an answer for each");
        renewed.remove(0)
    }

    /// Cancels one run.
    pub async fn cancel(&self, key: &RunKey, note: CancelNote) -> Cancelled {
        let cancellation = Cancellation { run: key.id, note };
        let cancelled = patiently(|| self.ports.runs.cancel(from_ref(&cancellation))).await;
        assert_eq!(cancelled.len(), 1, "an answer for each");
        cancelled[0]
    }

    /// Retries one run as an operator asks.
    pub async fn retry(&self, key: &RunKey) -> Retried {
        let retry = Retry {
            run: key.id,
            successor: fresh_run_id(),
            requested_by: id("operator on duty"),
        };
        let mut retried = patiently(|| self.ports.runs.retry(from_ref(&retry))).await;
        assert_eq!(retried.len(), 1, "an answer for each");
        if let Some(Retried::Created(entry)) = retried.first() {
            self.upkeep([entry.clone()]).await;
        }
        retried.remove(0)
    }

    /// Retries a run that has no successor yet, and answers with the successor's key.
    pub async fn retry_anew(&self, key: &RunKey) -> RunKey {
        match self.retry(key).await {
            Retried::Created(entry) => entry.run,
            other => panic!("a successor was queued: {other:?}"),
        }
    }

    /// Starts a run under a lease that has lapsed when this returns.
    pub async fn start_and_lapse(&self, key: &RunKey) -> Running {
        let running = self.start_for(key, Duration::from_millis(5)).await;
        self.clock_past(self.clock().await.plus(Duration::from_millis(5)))
            .await;
        running
    }

    /// Rescues runs, and pushes their successors where the queue is the caller's to keep.
    pub async fn rescue(&self, limit: u32) -> Vec<Rescued> {
        let rescue = Rescue { limit };
        let rescued = patiently(|| self.ports.runs.rescue(&rescue)).await;
        assert!(
            rescued.len() <= limit as usize,
            "at most as many as asked for"
        );
        let successors = rescued.iter().filter_map(|one| one.successor.clone());
        self.upkeep(successors).await;
        rescued
    }
}
