//! A drain of many runs, a third of which are to be blocked, and what must hold of them after it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::{Execution, Ports, Report, Worker, WorkerSettings};
use countersign_domain::{
    Catalog, FailureCode, OperationRun, ReasonCode, RunId, RunOutcome, RunStatus, Submission,
};
use countersign_ports::{ContextDetail, RunFilter, Submitted, UndecidedPolicy};
use tokio::sync::watch;

use crate::support::{AUTHORITY, Handle, apply, decision, drained, operation, until_async};

/// How many are queued; every third one by user 8, who may not.
pub(crate) const RUNS: usize = 2000;

/// How many of them may start.
pub(crate) const ALLOWED: usize = RUNS - RUNS.div_ceil(3);

/// Runs that were queued, and a record of every handler that was entered for one.
pub(crate) struct Drain {
    submitted: HashSet<RunId>,
    entered: Arc<Mutex<HashMap<RunId, usize>>>,
    /// How many handlers may end: later ones wait.
    may_end: watch::Sender<usize>,
}

impl Drain {
    /// Queues the runs. So many handlers may end for the time being.
    pub(crate) async fn of(ports: &Ports, may_end: usize) -> Self {
        apply(ports.authority(), AUTHORITY).await;
        let line = |at: usize| {
            let user = if at.is_multiple_of(3) { "8" } else { "7" };
            format!(r#"{{"workspace":"1","tenant":"4","user":"{user}","type":"inventory_sync"}}"#)
        };
        let submissions: Vec<Submission> = (0..RUNS)
            .map(|at| Submission::parse(&line(at)).unwrap())
            .collect();
        let submitted = ports.runs().submit(&submissions).await.unwrap();
        let created = submitted.into_iter().map(|submitted| match submitted {
            Submitted::Created { id, .. } => id,
            other => panic!("{other:?}"),
        });
        Self {
            submitted: created.collect(),
            entered: Arc::default(),
            may_end: watch::Sender::new(may_end),
        }
    }

    /// From now on so many handlers may end.
    pub(crate) fn let_end(&self, handlers: usize) {
        self.may_end.send_replace(handlers);
    }

    /// A worker whose leases soon lapse, and that starts a few runs at a time: there is much to hit.
    pub(crate) fn worker(&self, ports: &Ports) -> Worker {
        let mut operation = operation("inventory_sync");
        operation.retry.max_attempts = 1000;
        let settings = WorkerSettings {
            concurrency: 32,
            batch: 16,
            lease_for: Duration::from_secs(2),
            cancel_grace: Duration::from_millis(100),
            poll_every: Duration::from_millis(20),
            sweep_every: Duration::from_millis(100),
            undecided: UndecidedPolicy {
                first_wait: Duration::from_millis(20),
                longest_wait: Duration::from_millis(100),
                ..UndecidedPolicy::default()
            },
            ..WorkerSettings::named("worker-1".parse().unwrap())
        };
        let name = operation.name.clone();
        let (entered, may_end) = (Arc::clone(&self.entered), self.may_end.subscribe());
        let handler = Handle(move |execution: Execution| {
            let place = {
                let mut entered = entered.lock().unwrap();
                *entered.entry(execution.run_id()).or_default() += 1;
                entered.len()
            };
            let mut may_end = may_end.clone();
            async move {
                may_end
                    .wait_for(|handlers| place <= *handlers)
                    .await
                    .unwrap();
                Report::succeeded()
            }
        });
        Worker::new(ports.clone(), Catalog::new([operation]), settings).handle(name, handler)
    }

    /// Drains on until every run is completed: what a lost answer left running is rescued when its lease
    /// lapses, which no drain waits for.
    pub(crate) async fn finish(&self, ports: &Ports) {
        self.let_end(usize::MAX);
        until_async("every run is completed", async || {
            drained(self.worker(ports)).await;
            let runs = every_run(ports).await;
            let is_completed = |run: &OperationRun| run.status == RunStatus::Completed;
            runs.iter().all(is_completed).then_some(())
        })
        .await;
    }

    /// That nothing was lost, nothing started twice, and nothing that was blocked started.
    pub(crate) async fn assert_sound(&self, ports: &Ports) {
        self.assert_sound_but_for_forgotten_starts(ports).await;
        let runs = every_run(ports).await;
        for (id, times) in &*self.entered.lock().unwrap() {
            assert_eq!(*times, 1, "G3: {id} was entered {times} times");
            assert!(runs.iter().any(|run| run.id == *id), "{id} is no run");
        }
    }

    /// The same of a store that may have forgotten what it answered last: such a start comes again.
    pub(crate) async fn assert_sound_but_for_forgotten_starts(&self, ports: &Ports) {
        let runs = every_run(ports).await;
        let entered = self.entered.lock().unwrap().clone();
        let mut chains: BTreeMap<RunId, Vec<&OperationRun>> = BTreeMap::new();
        for run in &runs {
            assert_run(run, entered.contains_key(&run.id));
            chains.entry(run.chain_id).or_default().push(run);
        }
        let begun: HashSet<RunId> = chains.keys().copied().collect();
        assert_eq!(begun, self.submitted, "G5: nothing is lost");
        let ends = chains.into_values().map(assert_chain);
        let succeeded = ends.filter(|end| *end == RunOutcome::Succeeded).count();
        assert_eq!(succeeded, ALLOWED);
    }
}

async fn every_run(ports: &Ports) -> Vec<OperationRun> {
    let (all, limit) = (RunFilter::default(), 10 * u32::try_from(RUNS).unwrap());
    let page = ports
        .runs()
        .list(&all, None, limit, ContextDetail::Full)
        .await;
    page.unwrap().runs
}

/// What must hold of each run by itself.
fn assert_run(run: &OperationRun, was_entered: bool) {
    assert_eq!(run.status, RunStatus::Completed, "{run:?}");
    assert_eq!(
        decision(run).allowed,
        run.started_at.is_some(),
        "G4: {run:?}"
    );
    let is_allowed = run.initiator.as_ref().is_some_and(|id| id.as_str() == "7");
    assert_eq!(run.started_at.is_some(), is_allowed, "G1: {run:?}");
    match run.outcome {
        RunOutcome::Succeeded => assert!(was_entered, "succeeded without a start: {run:?}"),
        RunOutcome::Blocked => {
            assert!(!was_entered, "G1: blocked and entered: {run:?}");
            assert_eq!(
                decision(run).reason_code,
                Some(ReasonCode::MissingCapability)
            );
        }
        // Its lease lapsed while nobody could be reached, before its handler or after it.
        RunOutcome::Failed => {
            let failure = run.failure.as_ref().map(|failure| failure.code);
            assert_eq!(failure, Some(FailureCode::WorkerLost), "{run:?}");
        }
        other => panic!("{other:?}: {run:?}"),
    }
}

/// A chain is linked without a gap, and each of its runs but the last was lost; says how it ended.
fn assert_chain(mut chain: Vec<&OperationRun>) -> RunOutcome {
    chain.sort_by_key(|run| run.attempt);
    for (at, run) in chain.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| chain[before].id);
        assert_eq!(run.retry_of, before, "{run:?}");
    }
    let (last, lost) = chain.split_last().unwrap();
    assert!(lost.iter().all(|run| run.outcome == RunOutcome::Failed));
    assert_ne!(last.outcome, RunOutcome::Failed, "{last:?}");
    last.outcome
}
