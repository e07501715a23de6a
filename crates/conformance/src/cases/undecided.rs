//! G6: a run whose authority cannot be read is put off, neither started nor blocked; for too long, it
//! fails.
//!
//! That a look-up answers `Undecided` cannot be brought about through the ports; each adapter tests
//! that for itself, by damaging a store of its own.

use std::time::Duration;

use countersign_domain::{FailureCode, RunOutcome, RunStatus, Timestamp};
use countersign_ports::{BacklogQuery, PutOff, RunKey, Undecided, UndecidedPolicy, fresh_run_id};

use crate::Ports;
use crate::change::set_workspace;
use crate::scene::{AN_HOUR, Came, HOME, Scene, note, patiently};

const CAUSE: &str = "the store of \"authority\" is away";

/// A policy that gives up after an hour.
fn patient(first_wait: Duration) -> UndecidedPolicy {
    UndecidedPolicy {
        first_wait,
        longest_wait: AN_HOUR,
        give_up_after: AN_HOUR,
    }
}

async fn put_off(scene: &Scene, key: &RunKey, policy: &UndecidedPolicy) -> PutOff {
    let undecided = [Undecided {
        run: key.clone(),
        cause: CAUSE.to_owned(),
    }];
    let mut put_off = patiently(|| scene.ports.runs.put_off(&undecided, policy)).await;
    assert_eq!(put_off.len(), 1, "an answer for each");
    put_off.remove(0)
}

async fn waiting(scene: &Scene, key: &RunKey, policy: &UndecidedPolicy) -> (Timestamp, Timestamp) {
    match put_off(scene, key, policy).await {
        PutOff::Waiting { since, until } => (since, until),
        other @ (PutOff::GaveUp | PutOff::NotQueued) => panic!("waiting: {other:?}"),
    }
}

/// An undecided run stays queued, is due later, and nothing is decided about it.
pub async fn an_undecided_run_stays_queued_and_is_put_off(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let before = scene.clock().await;
    let (since, until) = waiting(&scene, &key, &patient(AN_HOUR)).await;
    let after = scene.clock().await;
    assert!(before <= since && since <= after);
    assert!(before.plus(AN_HOUR) <= until && until <= after.plus(AN_HOUR));

    let run = scene.load(&key).await;
    assert_eq!(
        (run.status, run.outcome),
        (RunStatus::Queued, RunOutcome::Pending)
    );
    assert_eq!((run.decision, run.failure), (None, None));
    assert_eq!(run.undecided_since, Some(since));
    let queued = ports.runs.queued_entries(None, 10).await.unwrap();
    assert_eq!(queued[0].due_at, until, "and the queue is to hear of it");
    let query = BacklogQuery {
        queue_name: &run.queue_name,
        operations: &scene.catalog.names(),
    };
    let backlog = ports.runs.backlog(&query).await.unwrap();
    assert_eq!((backlog.due, backlog.later), (0, 1));
}

/// A run that was put off is not delivered before its time, whoever keeps the queue.
pub async fn an_undecided_run_is_not_delivered_before_its_time(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let delivery = scene.receive_one(Duration::from_millis(1)).await;
    waiting(&scene, &key, &patient(AN_HOUR)).await;
    if ports.runs.queue_upkeep() == countersign_ports::QueueUpkeep::Caller {
        scene.put_off(&delivery, AN_HOUR).await;
    }
    // Whatever the first delivery hid is visible again once a second entry has come and gone.
    let other = scene.submit(HOME.sync()).await;
    let short = Duration::from_millis(2);
    for _ in 0..5 {
        let seen = crate::scene::eventually("the other entry comes back", || async {
            let seen = scene.receive_for(10, short).await;
            (!seen.is_empty()).then_some(seen)
        });
        for delivery in seen.await {
            assert_eq!(delivery.run, other);
        }
    }
}

/// The time since which a run has been undecided is that of the first attempt, and each wait is as
/// long as all those before it.
pub async fn an_undecided_run_waits_longer_each_time(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let policy = patient(Duration::from_millis(10));
    let (first, mut until) = waiting(&scene, &key, &policy).await;
    for _ in 0..3 {
        scene.clock_past(until).await;
        let before = scene.clock().await;
        let (since, next) = waiting(&scene, &key, &policy).await;
        let after = scene.clock().await;
        assert_eq!(since, first);
        let expected = |at: Timestamp| at.plus(policy.wait_at(at.since(since)).unwrap());
        assert!(expected(before) <= next && next <= expected(after));
        until = next;
    }
}

/// No wait is longer than the policy's longest.
pub async fn no_wait_is_longer_than_the_longest(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let policy = UndecidedPolicy {
        longest_wait: Duration::from_millis(3),
        ..patient(Duration::from_millis(1))
    };
    let (since, _) = waiting(&scene, &key, &policy).await;
    scene
        .clock_past(since.plus(Duration::from_millis(30)))
        .await;
    let (_, until) = waiting(&scene, &key, &policy).await;
    let after = scene.clock().await;
    assert!(until <= after.plus(policy.longest_wait));
}

/// Past the policy's age the run fails: without having started, without a decision, without successor.
pub async fn a_run_that_is_undecided_for_too_long_fails(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let policy = UndecidedPolicy {
        give_up_after: Duration::from_millis(20),
        ..patient(Duration::from_millis(1))
    };
    let since = match put_off(&scene, &key, &policy).await {
        PutOff::Waiting { since, .. } => since,
        other @ (PutOff::GaveUp | PutOff::NotQueued) => panic!("waiting: {other:?}"),
    };
    scene.clock_past(since.plus(policy.give_up_after)).await;
    assert_eq!(put_off(&scene, &key, &policy).await, PutOff::GaveUp);

    let run = scene.load(&key).await;
    assert_eq!(
        (run.status, run.outcome),
        (RunStatus::Completed, RunOutcome::Failed)
    );
    let failure = run.failure.expect("a failure");
    assert_eq!(failure.code, FailureCode::AuthorityUnavailable);
    assert!(failure.message.contains(CAUSE), "{}", failure.message);
    assert_eq!((run.started_at, run.decision), (None, None));
    assert!(run.completed_at.is_some_and(|at| at > since));
    assert!(
        ports
            .runs
            .queued_entries(None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(put_off(&scene, &key, &policy).await, PutOff::NotQueued);
    assert_eq!(scene.try_start(&key).await, Came::NotQueued);
}

/// Authority that could be read ends the undecided time, whatever comes of the start: it counts anew
/// from the next failure.
pub async fn a_decision_ends_the_undecided_time(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let soon = patient(Duration::from_millis(1));

    let key = scene.submit(HOME.sync()).await;
    let (since, until) = waiting(&scene, &key, &soon).await;
    scene.clock_past(until).await;
    let stale = scene.judge(&key).await;
    scene.apply(&[set_workspace(HOME.workspace, true)]).await;
    assert_eq!(scene.begin_one(&stale).await, Came::Moved);
    assert_eq!(scene.load(&key).await.undecided_since, None);
    let (again, until) = waiting(&scene, &key, &soon).await;
    assert!(again > since);

    scene.clock_past(until).await;
    assert_eq!(scene.try_start(&key).await, Came::Started);
    assert_eq!(scene.load(&key).await.undecided_since, None);

    let denied = scene.submit(HOME.denied()).await;
    waiting(&scene, &denied, &soon).await;
    assert_eq!(scene.try_start(&denied).await, Came::Blocked);
    assert_eq!(scene.load(&denied).await.undecided_since, None);
}

/// Only queued runs are put off; the others stay as they are, and fail none of their neighbours.
pub async fn only_queued_runs_are_put_off(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await.key;
    let keys = scene
        .submit_all([HOME.sync(), HOME.sync(), HOME.denied()])
        .await;
    scene.cancel(&keys[1], note("ops", "no need")).await;
    scene.try_start(&keys[2]).await;
    let ghost = RunKey {
        id: fresh_run_id(),
        ..running.clone()
    };
    let others = [running, keys[1].clone(), keys[2].clone()];
    let before = scene.load_all(&others).await;
    let batch: Vec<Undecided> = others
        .iter()
        .chain([&ghost, &keys[0]])
        .map(|key| Undecided {
            run: key.clone(),
            cause: CAUSE.to_owned(),
        })
        .collect();
    let put_off = ports.runs.put_off(&batch, &patient(AN_HOUR)).await.unwrap();
    assert_eq!(put_off[..4], vec![PutOff::NotQueued; 4]);
    assert!(matches!(put_off[4], PutOff::Waiting { .. }));
    assert_eq!(scene.load_all(&others).await, before);
}

/// A run that is put off may be started, as soon as its authority can be read, and cancelled.
pub async fn an_undecided_run_may_be_cancelled(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    waiting(&scene, &key, &patient(AN_HOUR)).await;
    let cancelled = scene.cancel(&key, note("ops", "no need")).await;
    assert_eq!(cancelled, countersign_ports::Cancelled::BeforeStart);
}
