//! The scenario: runs that succeed, fail and are tried again, and one whose authority goes away before it starts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::{ConsistencyMode, Execution, Ports, Report, Stop, Until, Worker, WorkerSettings};
use countersign_domain::{Catalog, OperationRun, RunId, RunOutcome, RunStatus, Submission};
use countersign_ports::{
    AuthorityStore, ContextDetail, QueueUpkeep, RunFilter, RunQueue, RunRepository, Submitted,
    UndecidedPolicy,
};

use super::ports::Calls;
use crate::model::{Kind, OwnStore};
use crate::support::{Handle, apply, operation};

const AUTHORITY: &str = r#"
{"change":"define_role","role":"operator","capabilities":["inventory.sync"],"all_tenants":true}
{"change":"set_workspace","workspace":"1","active":true}
{"change":"set_tenant","tenant":"4","workspace":"1","lifecycle":"active"}
{"change":"grant","user":"stays","workspace":"1","role":"operator"}
{"change":"grant","user":"goes","workspace":"1","role":"operator"}"#;

const REVOCATION: &str = r#"{"change":"revoke","user":"goes","workspace":"1","role":"operator"}"#;

/// Long enough for a busy machine, short enough to be waited for.
const LEASE: Duration = Duration::from_millis(1000);

/// How often a worker is put to it; each time it ends when nothing is due.
const ROUNDS: usize = 40;

/// A store past any fault, and who was entered.
#[derive(Clone)]
struct Past {
    runs: Arc<dyn RunRepository>,
    authority: Arc<dyn AuthorityStore>,
    queue: Arc<dyn RunQueue>,
    entered: Arc<Mutex<Vec<RunId>>>,
}

/// Plays it on a store of its own, a call of whose worker fails.
pub(super) async fn play(kind: Kind, calls: &Calls, n: usize) {
    let own = OwnStore::of(kind);
    let ports = own.open().await;
    let past = Past {
        runs: ports.runs,
        authority: ports.authority,
        queue: ports.queue,
        entered: Arc::default(),
    };
    apply(&*past.authority, AUTHORITY).await;
    for operation in ["sync", "flaky", "revoke"] {
        past.submit("stays", operation).await;
    }
    let through = Ports::new(
        calls.of(Arc::clone(&past.runs)),
        calls.of(Arc::clone(&past.authority)),
        calls.of(Arc::clone(&past.queue)),
        ConsistencyMode::Fenced,
    );
    let through = through.unwrap();
    let mut runs = Vec::new();
    for _ in 0..ROUNDS {
        // What fails a worker's call may fail the worker: another one takes over.
        let _ended = worker(&through, &past)
            .run(Until::Drained, Stop::new())
            .await;
        runs = past.all().await;
        if is_over(&runs) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    past.hold(&runs, n);
    drop((through, past));
    own.remove().await;
}

/// Whether there is nothing left to wait for: the blocked run is queued by the one that revokes.
fn is_over(runs: &[OperationRun]) -> bool {
    let ended = |run: &OperationRun| run.status == RunStatus::Completed;
    runs.iter().all(ended) && runs.iter().any(|run| run.outcome == RunOutcome::Blocked)
}

fn worker(ports: &Ports, past: &Past) -> Worker {
    let settings = WorkerSettings {
        concurrency: 8,
        lease_for: LEASE,
        cancel_grace: Duration::from_millis(300),
        poll_every: Duration::from_millis(20),
        sweep_every: Duration::from_millis(50),
        undecided: UndecidedPolicy {
            first_wait: Duration::from_millis(20),
            longest_wait: Duration::from_millis(50),
            ..UndecidedPolicy::default()
        },
        ..WorkerSettings::named("worker".parse().unwrap())
    };
    let mut operations = ["sync", "flaky", "revoke", "late"].map(operation);
    for operation in &mut operations {
        operation.retry.max_attempts = 5;
    }
    let worker = Worker::new(ports.clone(), Catalog::new(operations), settings);
    let (syncs, fails, revokes, late) = (past.clone(), past.clone(), past.clone(), past.clone());
    let fails = move |execution: Execution| {
        let past = fails.clone();
        async move {
            past.enter(&execution);
            match execution.run().attempt {
                1 => Report::failed("the first time"),
                _ => Report::succeeded(),
            }
        }
    };
    let revokes = move |execution: Execution| {
        let past = revokes.clone();
        async move {
            past.enter(&execution);
            apply(&*past.authority, REVOCATION).await;
            past.submit("goes", "late").await;
            Report::succeeded()
        }
    };
    let succeeds = |past: Past| {
        Handle(move |execution: Execution| {
            past.enter(&execution);
            async { Report::succeeded() }
        })
    };
    let named = |name: &str| name.parse().unwrap();
    worker
        .handle(named("sync"), succeeds(syncs))
        .handle(named("flaky"), Handle(fails))
        .handle(named("revoke"), Handle(revokes))
        .handle(named("late"), succeeds(late))
}

impl Past {
    fn enter(&self, execution: &Execution) {
        self.entered.lock().unwrap().push(execution.run_id());
    }

    async fn submit(&self, user: &str, operation: &str) {
        let line =
            format!(r#"{{"workspace":"1","tenant":"4","user":"{user}","type":"{operation}"}}"#);
        let submission = Submission::parse(&line).unwrap();
        let submitted = self.runs.submit(&[submission]).await.unwrap();
        assert!(matches!(submitted[..], [Submitted::Created { .. }]));
        if self.runs.queue_upkeep() == QueueUpkeep::Caller {
            let entries = self.runs.queued_entries(None, 100).await.unwrap();
            self.queue.push(&entries).await.unwrap();
        }
    }

    async fn all(&self) -> Vec<OperationRun> {
        let filter = RunFilter::default();
        let page = self.runs.list(&filter, None, 1000, ContextDetail::Omitted);
        page.await.unwrap().runs
    }

    /// Holds what the store has against the guarantees.
    fn hold(&self, runs: &[OperationRun], n: usize) {
        assert!(is_over(runs), "call {n}: G5, every run ends: {runs:#?}");
        let mut entries: HashMap<RunId, usize> = HashMap::new();
        for run in self.entered.lock().unwrap().iter() {
            *entries.entry(*run).or_default() += 1;
        }
        for run in runs {
            let times = entries.remove(&run.id).unwrap_or(0);
            assert!(times <= 1, "call {n}: G3, entered once: {run:#?}");
            let started = run.started_at.is_some();
            assert!(started || times == 0, "call {n}: G1, started: {run:#?}");
            assert_eq!(
                run.decision.is_some(),
                started || run.outcome == RunOutcome::Blocked,
                "call {n}: G4, decided: {run:#?}"
            );
            if run.operation_type.as_str() == "late" {
                let stands = (run.outcome, run.started_at, times);
                assert_eq!(stands, (RunOutcome::Blocked, None, 0), "call {n}: G2");
            } else {
                assert_ne!(run.outcome, RunOutcome::Blocked, "call {n}: {run:#?}");
            }
        }
        assert!(
            entries.is_empty(),
            "call {n}: what was entered is on record: {entries:?}"
        );
        // Each chain comes to its end: what was lost on the way was queued again.
        for operation in ["sync", "flaky", "revoke"] {
            let of_chain = runs
                .iter()
                .filter(|run| run.operation_type.as_str() == operation);
            let last = of_chain.max_by_key(|run| run.attempt).unwrap();
            assert_eq!(
                last.outcome,
                RunOutcome::Succeeded,
                "call {n}: G5: {runs:#?}"
            );
        }
    }
}
