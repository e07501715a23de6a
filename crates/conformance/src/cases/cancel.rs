//! Cancels: of a queued run a transition like `begin`'s, of a running one a flag.

use countersign_domain::{CancelNote, RunOutcome, RunStatus};
use countersign_ports::{Cancellation, Cancelled, Finished, RunKey, Work, fresh_run_id};

use crate::Ports;
use crate::change::id;
use crate::scene::{Came, HOME, Running, Scene, failed, note};

fn cancellation(key: &RunKey, reason: &str) -> Cancellation {
    Cancellation {
        run: key.id,
        note: note("ops", reason),
    }
}

/// A queued run that is cancelled is completed without ever having started.
pub async fn a_queued_run_is_cancelled_before_it_starts(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.sync()).await;
    let why = note("ops \"on\" duty", "wrong\ntenant 🛑");
    let before = scene.clock().await;
    let cancelled = scene.cancel(&key, why.clone()).await;
    let after = scene.clock().await;
    assert_eq!(cancelled, Cancelled::BeforeStart);
    let run = scene.load(&key).await;
    assert_eq!(
        (run.status, run.outcome),
        (RunStatus::Completed, RunOutcome::Cancelled)
    );
    assert_eq!((run.started_at, run.decision), (None, None));
    let completed_at = run.completed_at.expect("a time of completion");
    assert!(before <= completed_at && completed_at <= after);
    assert_eq!(run.cancel, Some(why));
    assert_eq!(run.failure, None);
    assert_eq!(scene.try_start(&key).await, Came::NotQueued);
    let queued = ports.runs.queued_entries(None, 10).await.unwrap();
    assert!(queued.is_empty(), "and it has no successor");
}

/// A note need not give a reason.
pub async fn a_cancel_without_a_reason_is_kept_as_such(ports: &Ports) {
    let scene = Scene::bare(ports);
    let key = scene.submit(HOME.sync()).await;
    let bare = CancelNote {
        by: id("ops"),
        reason: None,
    };
    scene.cancel(&key, bare.clone()).await;
    assert_eq!(scene.load(&key).await.cancel, Some(bare));
}

/// A running run goes on until its next renewal sees the flag; asking again changes nothing.
pub async fn a_running_run_is_asked_to_stop(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await;
    let first = note("ops", "wrong tenant");
    let cancelled = scene.cancel(&running.key, first.clone()).await;
    assert_eq!(cancelled, Cancelled::Requested);
    assert_eq!(
        scene.stands(&running.key).await,
        (RunStatus::Running, RunOutcome::Pending)
    );
    let cancelled = scene.cancel(&running.key, note("other", "no!")).await;
    assert_eq!(cancelled, Cancelled::AlreadyRequested);
    let outcome = scene.complete(&running, Work::Succeeded).await;
    assert_eq!(outcome, RunOutcome::Cancelled);
    assert_eq!(scene.load(&running.key).await.cancel, Some(first));
}

/// What is completed stays as it is, and its outcome is told.
pub async fn a_completed_run_is_not_cancelled(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let mut done = Vec::new();
    for work in [Work::Succeeded, Work::PartiallySucceeded, failed()] {
        let running = scene.running().await;
        let outcome = scene.complete(&running, work).await;
        done.push((running.key, outcome));
    }
    let blocked = scene.submit(HOME.denied()).await;
    scene.try_start(&blocked).await;
    done.push((blocked, RunOutcome::Blocked));
    let cancelled = scene.submit(HOME.sync()).await;
    scene.cancel(&cancelled, note("ops", "no need")).await;
    done.push((cancelled, RunOutcome::Cancelled));
    for (key, outcome) in done {
        let run = scene.load(&key).await;
        let cancelled = scene.cancel(&key, note("late", "too late")).await;
        assert_eq!(cancelled, Cancelled::AlreadyCompleted(outcome));
        assert_eq!(scene.load(&key).await, run);
    }
}

/// A run that is not there is not found.
pub async fn an_unknown_run_is_not_cancelled(ports: &Ports) {
    let scene = Scene::bare(ports);
    let key = RunKey {
        workspace_id: id(HOME.workspace),
        id: fresh_run_id(),
    };
    let cancelled = scene.cancel(&key, note("ops", "no need")).await;
    assert_eq!(cancelled, Cancelled::NotFound);
}

/// Each run of a batch is cancelled for itself, answered in input order, and once.
pub async fn cancels_are_answered_in_input_order(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await.key;
    let queued = scene.submit(HOME.sync()).await;
    let done = scene.succeeded(HOME.sync()).await.key;
    let ghost = RunKey {
        id: fresh_run_id(),
        ..queued.clone()
    };
    let batch = [&queued, &ghost, &running, &done, &queued, &running]
        .map(|key| cancellation(key, "enough"));
    assert_eq!(
        ports.runs.cancel(&batch).await.unwrap(),
        [
            Cancelled::BeforeStart,
            Cancelled::NotFound,
            Cancelled::Requested,
            Cancelled::AlreadyCompleted(RunOutcome::Succeeded),
            Cancelled::AlreadyCompleted(RunOutcome::Cancelled),
            Cancelled::AlreadyRequested,
        ]
    );
}

/// A cancel and a start at the same time: one of them comes first, and both agree on which.
pub async fn a_cancel_and_a_start_agree_on_which_came_first(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let elsewhere = scene.elsewhere().await;
    for _ in 0..20 {
        let key = scene.submit(HOME.sync()).await;
        let start = scene.judge(&key).await;
        let begun = tokio::spawn({
            let scene = elsewhere.clone();
            async move { scene.begin_one(&start).await }
        });
        let cancelled = scene.cancel(&key, note("ops", "now")).await;
        let came = begun.await.unwrap();
        let run = scene.load(&key).await;
        match cancelled {
            Cancelled::BeforeStart => {
                assert!(matches!(came, Came::NotQueued | Came::CancelRequested));
                assert_eq!((run.started_at, run.decision), (None, None));
            }
            Cancelled::Requested => {
                assert_eq!(came, Came::Started);
                assert_eq!(run.status, RunStatus::Running);
            }
            Cancelled::AlreadyRequested | Cancelled::AlreadyCompleted(_) | Cancelled::NotFound => {
                panic!("a fresh run: {cancelled:?}")
            }
        }
    }
}

/// A cancel and a completion at the same time: whichever commits first decides (G7).
pub async fn a_cancel_and_a_completion_agree_on_which_came_first(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let elsewhere = scene.elsewhere().await;
    for _ in 0..20 {
        let running: Running = scene.running().await;
        let finished = tokio::spawn({
            let (scene, finish) = (elsewhere.clone(), running.finish(Work::Succeeded));
            async move { scene.finish(finish).await }
        });
        let cancelled = scene.cancel(&running.key, note("ops", "now")).await;
        let expected = match cancelled {
            Cancelled::Requested => RunOutcome::Cancelled,
            Cancelled::AlreadyCompleted(outcome) => outcome,
            Cancelled::BeforeStart | Cancelled::AlreadyRequested | Cancelled::NotFound => {
                panic!("a run that ran: {cancelled:?}")
            }
        };
        let finished = finished.await.unwrap();
        assert_eq!(
            finished,
            Finished::Completed {
                outcome: expected,
                successor: None
            }
        );
        assert_eq!(scene.load(&running.key).await.outcome, expected);
    }
}
