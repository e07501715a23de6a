//! G5: a run whose worker is lost is completed, and a successor takes over.

use std::time::Duration;

use countersign_domain::{FailureCode, OperationRun, RunOutcome, RunStatus};
use countersign_ports::{Finished, QueueEntry, Rescued, Work};

use crate::Ports;
use crate::scene::{AN_HOUR, HOME, Running, Scene, note};

async fn lapsed(scene: &Scene, runs: usize) -> Vec<Running> {
    let mut lapsed = Vec::new();
    for _ in 0..runs {
        let key = scene.submit(HOME.sync()).await;
        lapsed.push(scene.start_and_lapse(&key).await);
    }
    lapsed
}

/// Only runs whose lease has lapsed are rescued: not queued ones, nor running or completed ones.
pub async fn only_a_lapsed_lease_is_rescued(ports: &Ports) {
    let scene = Scene::home(ports).await;
    scene.submit(HOME.sync()).await;
    scene.running().await;
    let done = scene.submit(HOME.sync()).await;
    let done = scene.start_and_lapse(&done).await;
    scene.complete(&done, Work::Succeeded).await;
    assert!(scene.rescue(10).await.is_empty());
    let lost = lapsed(&scene, 1).await.remove(0);
    let rescued = scene.rescue(10).await;
    assert_eq!(rescued.len(), 1);
    assert_eq!(rescued[0].run, lost.key.id);
}

/// A rescued run has failed with `worker_lost`, and a successor of it is due at once.
pub async fn a_rescued_run_has_failed_and_has_a_successor(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.restore()).await;
    scene.start_and_lapse(&key).await;
    let running = scene.load(&key).await;
    let before = scene.clock().await;
    let rescued: Rescued = scene.rescue(10).await.remove(0);
    let after = scene.clock().await;

    let lost = scene.load(&key).await;
    assert_eq!(
        (lost.status, lost.outcome),
        (RunStatus::Completed, RunOutcome::Failed)
    );
    let failure = lost.failure.clone().expect("a failure");
    assert_eq!(failure.code, FailureCode::WorkerLost);
    let completed_at = lost.completed_at.expect("a time of completion");
    assert!(before <= completed_at && completed_at <= after);
    assert_eq!(lost.started_at, running.started_at, "it did start");
    assert_eq!(lost.decision, running.decision);

    let entry = rescued.successor.expect("a successor");
    let next = scene.load(&entry.run).await;
    assert_eq!(entry, QueueEntry::of(&next));
    assert!(before <= next.due_at && next.due_at <= after, "due at once");
    assert_eq!(
        next,
        OperationRun {
            id: next.id,
            status: RunStatus::Queued,
            outcome: RunOutcome::Pending,
            decision: None,
            failure: None,
            attempt: 2,
            retry_of: Some(key.id),
            queued_at: next.queued_at,
            due_at: next.due_at,
            started_at: None,
            completed_at: None,
            ..lost
        }
    );
}

/// Rescues count towards the limit of attempts that the operation had when the run was begun.
pub async fn a_rescue_at_the_limit_of_attempts_has_no_successor(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let mut key = scene.submit(HOME.sync()).await;
    for attempt in 1..=3 {
        assert_eq!(scene.load(&key).await.attempt, attempt);
        scene.start_and_lapse(&key).await;
        let rescued = scene.rescue(10).await.remove(0);
        assert_eq!(rescued.run, key.id);
        match rescued.successor {
            Some(entry) => {
                assert!(attempt < 3, "three is the limit");
                key = entry.run;
            }
            None => assert_eq!(attempt, 3, "three is the limit"),
        }
    }
    assert_eq!(
        scene.stands(&key).await,
        (RunStatus::Completed, RunOutcome::Failed)
    );
    let once = scene.submit(HOME.run_of("once")).await;
    scene.start_and_lapse(&once).await;
    assert_eq!(scene.rescue(10).await[0].successor, None);
}

/// A run whose cancel flag was raised is cancelled by its rescue, and has no successor.
pub async fn a_rescued_run_with_the_cancel_flag_is_cancelled(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let lost = lapsed(&scene, 1).await.remove(0);
    let why = note("ops", "wrong tenant");
    scene.cancel(&lost.key, why.clone()).await;
    let rescued = scene.rescue(10).await;
    let expected = Rescued {
        run: lost.key.id,
        successor: None,
    };
    assert_eq!(rescued, [expected]);
    let run = scene.load(&lost.key).await;
    assert_eq!(
        (run.status, run.outcome),
        (RunStatus::Completed, RunOutcome::Cancelled)
    );
    assert_eq!(run.cancel, Some(why));
}

/// At most as many as asked for, those whose leases lapsed first before the others, and none twice.
pub async fn rescues_are_limited_oldest_first_and_once(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let lost = lapsed(&scene, 3).await;
    let mut rescued = Vec::new();
    for _ in 0..3 {
        let mut one = scene.rescue(1).await;
        assert_eq!(one.len(), 1);
        rescued.push(one.remove(0).run);
    }
    let expected: Vec<_> = lost.iter().map(|running| running.key.id).collect();
    assert_eq!(rescued, expected);
    assert!(scene.rescue(10).await.is_empty());
}

/// G5: what a killed worker leaves behind is done by another.
pub async fn another_worker_does_what_a_lost_one_left(ports: &Ports) {
    let scene = Scene::home(ports).await;
    scene.submit(HOME.sync()).await;
    let delivery = scene.receive_one(AN_HOUR).await;
    scene.start_and_lapse(&delivery.run).await;
    scene.settle(&delivery).await;
    // And that is the last that is heard of this worker.
    let elsewhere = scene.elsewhere().await;
    let entry = elsewhere.rescue(10).await.remove(0).successor.unwrap();
    let delivery = elsewhere.receive_soon().await;
    assert_eq!(delivery.run, entry.run);
    let running = elsewhere.start(&delivery.run).await;
    elsewhere.settle(&delivery).await;
    let outcome = elsewhere.complete(&running, Work::Succeeded).await;
    assert_eq!(outcome, RunOutcome::Succeeded);
}

/// Rescuers at work at the same time share no run, and miss none.
pub async fn rescuers_at_once_share_no_run(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene.submit_all((0..40).map(|_| HOME.sync())).await;
    for key in &keys {
        scene.start_for(key, Duration::from_millis(1)).await;
    }
    scene
        .clock_past(scene.clock().await.plus(Duration::from_millis(1)))
        .await;
    let rescued = scene.crowd(4, |_, scene| async move {
        let mut all = Vec::new();
        loop {
            let some = scene.rescue(3).await;
            if some.is_empty() {
                return all;
            }
            all.extend(some.into_iter().map(|one| one.run));
            assert!(all.len() <= 40, "no more than there are");
        }
    });
    let mut rescued = rescued.await.concat();
    rescued.sort_unstable();
    let mut expected: Vec<_> = keys.iter().map(|key| key.id).collect();
    expected.sort_unstable();
    assert_eq!(rescued, expected);
    let queued = ports.runs.queued_entries(None, 100).await.unwrap();
    assert_eq!(queued.len(), 40, "one successor each");
}

/// A late completion and a rescue at the same time: one of them has the run.
pub async fn a_rescue_and_a_late_completion_agree_on_which_came_first(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let elsewhere = scene.elsewhere().await;
    for _ in 0..20 {
        let running = lapsed(&scene, 1).await.remove(0);
        let finished = tokio::spawn({
            let (scene, finish) = (elsewhere.clone(), running.finish(Work::Succeeded));
            async move { scene.finish(finish).await }
        });
        let rescued = scene.rescue(10).await;
        let run = match finished.await.unwrap() {
            Finished::LeaseLost => {
                assert_eq!(rescued.len(), 1);
                RunOutcome::Failed
            }
            Finished::Completed { outcome, .. } => {
                assert!(rescued.is_empty(), "rescued what was completed");
                outcome
            }
        };
        assert_eq!(scene.load(&running.key).await.outcome, run);
    }
}
