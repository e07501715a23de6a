//! The start of a run: once, and with its decision on record.

use countersign_domain::{ExecutionContext, RunOutcome, RunStatus};
use countersign_ports::{Begun, RunKey, Start, Work, fresh_run_id};

use crate::Ports;
use crate::change::{grant, id};
use crate::scene::{AN_HOUR, AWAY, Came, HOME, Scene, note};

/// G4: an allow is `running`, with the time of its start and the decision that let it, to the letter.
pub async fn an_allowed_run_is_running_with_its_decision_on_record(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.restore()).await;
    let queued = scene.load(&key).await;
    let start = [scene.judge(&key).await];
    let before = scene.clock().await;
    let begun = ports.runs.begin(&start).await.unwrap().remove(0);
    let after = scene.clock().await;

    let Begun::Started(permit) = begun else {
        panic!("allowed: {begun:?}")
    };
    assert_eq!(permit.run(), &key);
    let entry = permit.enter().expect("in time");
    assert_eq!(entry.run(), &key);
    assert_eq!(entry.lease_id(), start[0].lease_id());
    assert_eq!(entry.decision_id(), start[0].decision_id());
    assert!(before <= entry.started_at() && entry.started_at() <= after);

    let run = scene.load(&key).await;
    assert_eq!(
        (run.status, run.outcome),
        (RunStatus::Running, RunOutcome::Pending)
    );
    assert_eq!(run.started_at, Some(entry.started_at()));
    assert_eq!(run.completed_at, None);
    assert_eq!(run.decision.as_ref(), Some(&start[0].record()));
    let decision = run.decision_record().unwrap().expect("a decision");
    assert!(decision.allowed);
    assert_eq!(decision.decision_id, start[0].decision_id());
    let unchanged = countersign_domain::OperationRun {
        status: RunStatus::Queued,
        started_at: None,
        decision: None,
        ..run
    };
    assert_eq!(unchanged, queued, "and nothing else has changed");
}

/// G1, G4: a deny is `completed`/`blocked` with its decision, and never has a time of start.
pub async fn a_denied_run_is_blocked_and_has_no_start(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.denied()).await;
    let start = scene.judge(&key).await;
    let before = scene.clock().await;
    assert_eq!(scene.begin_one(&start).await, Came::Blocked);
    let after = scene.clock().await;

    let run = scene.load(&key).await;
    assert_eq!(
        (run.status, run.outcome),
        (RunStatus::Completed, RunOutcome::Blocked)
    );
    assert_eq!(run.started_at, None);
    let completed_at = run.completed_at.expect("a time of completion");
    assert!(before <= completed_at && completed_at <= after);
    assert_eq!(run.decision.as_ref(), Some(&start.record()));
    assert_eq!((run.failure, run.result, run.cancel), (None, None, None));
}

/// G3: a second decision about a run that has started changes nothing.
pub async fn a_run_that_runs_does_not_begin_again(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let (first, second) = (scene.judge(&key).await, scene.judge(&key).await);
    assert_eq!(scene.begin_one(&first).await, Came::Started);
    let run = scene.load(&key).await;
    assert_eq!(scene.begin_one(&second).await, Came::NotQueued);
    let elsewhere = scene.elsewhere().await;
    assert_eq!(elsewhere.begin_one(&second).await, Came::NotQueued);
    assert_eq!(scene.load(&key).await, run);
}

/// G3: one start yields one permit, even where it is sent twice.
pub async fn a_start_that_is_sent_twice_yields_one_permit(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let start = scene.judge(&key).await;
    assert_eq!(scene.begin_one(&start).await, Came::Started);
    assert_eq!(scene.begin_one(&start).await, Came::NotQueued);
}

/// G1: whatever is granted later, a blocked run stays blocked.
pub async fn a_blocked_run_never_starts(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.denied()).await;
    assert_eq!(scene.try_start(&key).await, Came::Blocked);
    let run = scene.load(&key).await;
    scene
        .apply(&[grant(HOME.guest, HOME.workspace, HOME.tenant, "operator")])
        .await;
    let start = scene.judge(&key).await;
    assert!(start.decision().is_allowed());
    assert_eq!(scene.begin_one(&start).await, Came::NotQueued);
    assert_eq!(scene.load(&key).await, run);
}

/// G3: nothing that is completed begins again, however it was completed.
pub async fn a_completed_run_never_begins(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let succeeded = scene.succeeded(HOME.sync()).await.key;
    let cancelled = scene.submit(HOME.sync()).await;
    let judged_before = scene.judge(&cancelled).await;
    scene.cancel(&cancelled, note("ops", "no need")).await;
    assert_eq!(scene.begin_one(&judged_before).await, Came::NotQueued);
    for key in [succeeded, cancelled] {
        let run = scene.load(&key).await;
        assert_eq!(scene.try_start(&key).await, Came::NotQueued);
        assert_eq!(scene.load(&key).await, run);
    }
}

/// G3: two decisions about one run in one batch start it once.
pub async fn a_batch_that_names_a_run_twice_starts_it_once(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let starts = scene.judge_all(&[key.clone(), key.clone()]).await;
    let came = scene.begin(&starts).await;
    assert_eq!(came, [Came::Started, Came::NotQueued]);
    let run = scene.load(&key).await;
    assert_eq!(run.decision.as_ref(), Some(&starts[0].record()));
}

/// The same for a run that is denied: one decision is on record, the first.
pub async fn a_batch_that_names_a_denied_run_twice_blocks_it_once(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.denied()).await;
    let starts = scene.judge_all(&[key.clone(), key.clone()]).await;
    let came = scene.begin(&starts).await;
    assert_eq!(came, [Came::Blocked, Came::NotQueued]);
    let run = scene.load(&key).await;
    assert_eq!(run.decision.as_ref(), Some(&starts[0].record()));
}

/// A run that is not there is not queued, and fails none of its neighbours.
pub async fn an_unknown_run_does_not_fail_its_neighbours(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene.submit_all([HOME.sync(), HOME.denied()]).await;
    let ghost = scene.load(&keys[0]).await;
    let ghost = ExecutionContext {
        run: fresh_run_id(),
        ..scene.context(&ghost)
    };
    let authority = scene.look_up(&ghost.query()).await;
    let starts = [
        scene.judge(&keys[0]).await,
        scene.judge_by(&ghost, &authority, AN_HOUR, None),
        scene.judge(&keys[1]).await,
    ];
    let came = scene.begin(&starts).await;
    assert_eq!(came, [Came::Started, Came::NotQueued, Came::Blocked]);
    assert_eq!(ports.runs.find(&[ghost.run]).await.unwrap(), [None]);
}

/// G8: a run is not begun by the authority of another workspace, though its id is named.
pub async fn a_run_does_not_begin_under_another_workspace(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let key = scene.submit(HOME.denied()).await;
    let stray = scene.load(&scene.submit(AWAY.sync()).await).await;
    let stray = ExecutionContext {
        run: key.id,
        ..scene.context(&stray)
    };
    let authority = scene.look_up(&stray.query()).await;
    let start = scene.judge_by(&stray, &authority, AN_HOUR, None);
    assert!(start.decision().is_allowed());
    assert_eq!(scene.begin_one(&start).await, Came::NotQueued);
    assert_eq!(scene.load(&key).await.status, RunStatus::Queued);
}

/// Five hundred runs of two workspaces, allowed and denied in turn under four rulings, answered in input order.
pub async fn five_hundred_runs_begin_in_one_batch(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let places = [HOME, AWAY];
    let keys = scene
        .submit_all((0..500).map(|n| match n % 3 {
            0 => places[n % 2].denied(),
            _ => places[n % 2].sync(),
        }))
        .await;
    let starts = scene.judge_all(&keys).await;
    let came = scene.begin(&starts).await;
    let runs = scene.load_all(&keys).await;
    for (n, (run, start)) in runs.iter().zip(&starts).enumerate() {
        let (expected, status) = match n % 3 {
            0 => (Came::Blocked, RunStatus::Completed),
            _ => (Came::Started, RunStatus::Running),
        };
        assert_eq!((came[n], run.status), (expected, status), "number {n}");
        assert_eq!(run.decision.as_ref(), Some(&start.record()), "number {n}");
    }
}

/// Whatever comes of each, the answers stand in input order.
pub async fn the_answers_of_a_mixed_batch_stand_in_input_order(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let submissions = [
        HOME.sync(),
        AWAY.sync(),
        HOME.denied(),
        AWAY.denied(),
        HOME.sync(),
    ];
    let keys = scene.submit_all(submissions).await;
    let done = scene.succeeded(HOME.sync()).await.key;
    let mut order: Vec<RunKey> = keys.clone();
    order.insert(2, done);
    order.push(keys[0].clone());
    let starts: Vec<Start> = scene.judge_all(&order).await;
    scene
        .apply(&[crate::change::set_workspace(AWAY.workspace, true)])
        .await;
    assert_eq!(
        scene.begin(&starts).await,
        [
            Came::Started,
            Came::Moved,
            Came::NotQueued,
            Came::Blocked,
            Came::Moved,
            Came::Started,
            Came::NotQueued,
        ]
    );
}

/// A system run starts for operations that accept it, and is blocked for those that do not.
pub async fn a_system_run_starts_where_the_operation_accepts_it(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let accepted = scene.submit(HOME.system()).await;
    let refused = scene
        .submit(countersign_domain::Submission {
            operation_type: id("inventory_sync"),
            ..HOME.system()
        })
        .await;
    let starts = scene.judge_all(&[accepted, refused]).await;
    let came = scene.begin(&starts).await;
    assert_eq!(came, [Came::Started, Came::Blocked]);
}

/// A run whose initiator is lost is denied; it never becomes a run of the system's.
pub async fn a_run_without_its_initiator_never_runs_as_the_system(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene
        .submit(countersign_domain::Submission {
            initiator: None,
            ..HOME.run_of("housekeeping")
        })
        .await;
    assert_eq!(scene.try_start(&key).await, Came::Blocked);
    let decision = scene.load(&key).await.decision_record().unwrap().unwrap();
    let reason = decision.reason_code.unwrap();
    assert_eq!(reason.as_str(), "initiator_missing");
}

/// A start is there for every process as soon as `begin` has returned.
pub async fn a_start_is_seen_by_another_process(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await;
    let elsewhere = scene.elsewhere().await;
    assert_eq!(
        elsewhere.load(&running.key).await,
        scene.load(&running.key).await
    );
    let outcome = elsewhere.complete(&running, Work::Succeeded).await;
    assert_eq!(outcome, RunOutcome::Succeeded);
}
