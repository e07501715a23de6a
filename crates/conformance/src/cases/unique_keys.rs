//! Unique keys: held by one unfinished run of a (workspace, tenant, type), and passed on without a gap.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use countersign_domain::{RunId, Submission};
use countersign_ports::{Rescued, Submitted, Undecided, UndecidedPolicy, Work, fresh_run_id};

use crate::Ports;
use crate::change::id;
use crate::scene::{AN_HOUR, AWAY, HOME, Scene, failed, note, patiently};

fn keyed(submission: Submission) -> Submission {
    Submission {
        unique_key: Some(id("nightly")),
        ..submission
    }
}

async fn holder(scene: &Scene, submission: Submission) -> Option<RunId> {
    match scene.offer(&[submission]).await.remove(0) {
        Submitted::Created { .. } => None,
        Submitted::Existing { id } => Some(id),
        Submitted::IdTaken { id } => panic!("no id was given, and {id} is taken"),
    }
}

/// A second submission of a key is answered with the run that holds it.
pub async fn a_key_that_is_held_is_answered_with_its_holder(ports: &Ports) {
    let scene = Scene::bare(ports);
    let first = scene.submit(keyed(HOME.sync())).await;
    assert_eq!(holder(&scene, keyed(HOME.sync())).await, Some(first.id));
    let other_user = keyed(HOME.denied());
    assert_eq!(holder(&scene, other_user).await, Some(first.id));
}

/// The holder keeps its key while it runs, and an id of one's own does not get round it.
pub async fn a_key_is_held_while_its_holder_runs(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(keyed(HOME.sync())).await;
    scene.start(&key).await;
    let named = Submission {
        id: Some(fresh_run_id()),
        ..keyed(HOME.sync())
    };
    assert_eq!(holder(&scene, named).await, Some(key.id));
}

/// Whatever completes the holder without a successor frees its key.
pub async fn a_key_is_free_once_its_holder_is_completed(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let submission = || keyed(HOME.run_of("once"));
    for work in [
        Work::Succeeded,
        Work::PartiallySucceeded,
        failed(),
        Work::Cancelled(note("worker", "told to")),
    ] {
        let key = scene.submit(submission()).await;
        let running = scene.start(&key).await;
        scene.complete(&running, work).await;
    }

    let lost = scene.submit(submission()).await;
    scene.start_and_lapse(&lost).await;
    assert_eq!(scene.rescue(10).await.len(), 1);

    let cancelled = scene.submit(submission()).await;
    scene.cancel(&cancelled, note("ops", "no need")).await;

    let given_up = scene.submit(submission()).await;
    let undecided = Undecided {
        run: given_up,
        cause: "the store is away".to_owned(),
    };
    let at_once = UndecidedPolicy {
        give_up_after: Duration::ZERO,
        ..UndecidedPolicy::default()
    };
    ports.runs.put_off(&[undecided], &at_once).await.unwrap();

    let blocked = scene.submit(keyed(HOME.restore())).await;
    scene
        .apply(&[crate::change::set_user(HOME.user, false)])
        .await;
    scene.try_start(&blocked).await;
    assert_eq!(holder(&scene, keyed(HOME.restore())).await, None);
    assert_eq!(holder(&scene, submission()).await, None);
}

/// A key is the affair of one workspace, tenant and type (G8).
pub async fn a_key_is_held_per_workspace_tenant_and_type(ports: &Ports) {
    let scene = Scene::bare(ports);
    scene.submit(keyed(HOME.sync())).await;
    for other in [
        Submission {
            workspace_id: id(AWAY.workspace),
            ..HOME.sync()
        },
        Submission {
            tenant_id: id(AWAY.tenant),
            ..HOME.sync()
        },
        HOME.run_of("report"),
    ] {
        assert_eq!(holder(&scene, keyed(other)).await, None);
    }
    let another_key = Submission {
        unique_key: Some(id("weekly")),
        ..HOME.sync()
    };
    assert_eq!(holder(&scene, another_key).await, None);
}

/// Runs without a key are not in each other's way.
pub async fn runs_without_a_key_share_none(ports: &Ports) {
    let scene = Scene::bare(ports);
    scene.submit_all([HOME.sync(), HOME.sync()]).await;
    scene.submit(HOME.sync()).await;
}

/// Within one batch the first submission of a key holds it.
pub async fn a_key_twice_in_one_batch_is_held_by_the_first(ports: &Ports) {
    let scene = Scene::bare(ports);
    let batch = [keyed(HOME.sync()), HOME.sync(), keyed(HOME.sync())];
    let answers = scene.offer(&batch).await;
    let Submitted::Created { id: first, .. } = answers[0] else {
        panic!("the first is created: {answers:?}")
    };
    assert!(matches!(answers[1], Submitted::Created { .. }));
    assert_eq!(answers[2], Submitted::Existing { id: first });
}

/// Submitting is idempotent by id, whoever holds the key by now.
pub async fn an_id_is_looked_for_before_its_key(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let named = Submission {
        id: Some(fresh_run_id()),
        ..keyed(HOME.sync())
    };
    let done = scene.succeeded(named.clone()).await;
    let now = scene.submit(keyed(HOME.sync())).await;
    assert_eq!(holder(&scene, named).await, Some(done.key.id));
    assert_eq!(holder(&scene, keyed(HOME.sync())).await, Some(now.id));
}

/// A successor holds the key of the run that failed.
pub async fn a_key_passes_to_the_successor(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(keyed(HOME.sync())).await;
    let running = scene.start(&key).await;
    let successor = scene.fail_and_retry(&running, AN_HOUR).await.run;
    assert_eq!(holder(&scene, keyed(HOME.sync())).await, Some(successor.id));

    let running = scene.start(&successor).await;
    scene.complete(&running, Work::Succeeded).await;
    assert_eq!(holder(&scene, keyed(HOME.sync())).await, None);
}

/// A rescue passes the key on, too.
pub async fn a_key_passes_to_the_successor_of_a_rescued_run(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(keyed(HOME.sync())).await;
    scene.start_and_lapse(&key).await;
    let rescued: Vec<Rescued> = scene.rescue(10).await;
    let successor = rescued[0].successor.clone().expect("a successor").run;
    assert_eq!(holder(&scene, keyed(HOME.sync())).await, Some(successor.id));
}

/// Between a holder and its successor there is no moment in which the key is free.
pub async fn no_submission_slips_in_before_a_successor(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let mut key = scene.submit(keyed(HOME.sync())).await;
    let over = Arc::new(AtomicBool::new(false));
    let slipped_in = tokio::spawn({
        let runs = scene.elsewhere().await.ports.runs;
        let over = over.clone();
        async move {
            let mut slipped_in = Vec::new();
            let submission = [keyed(HOME.sync())];
            while !over.load(Ordering::SeqCst) {
                let answers = patiently(|| runs.submit(&submission));
                slipped_in.extend(answers.await.into_iter().filter_map(|answer| match answer {
                    Submitted::Created { id, .. } => Some(id),
                    Submitted::Existing { .. } | Submitted::IdTaken { .. } => None,
                }));
                tokio::task::yield_now().await;
            }
            slipped_in
        }
    });
    for _ in 0..20 {
        let running = scene.start(&key).await;
        key = scene.fail_and_retry(&running, Duration::ZERO).await.run;
    }
    over.store(true, Ordering::SeqCst);
    assert_eq!(slipped_in.await.unwrap(), []);
}

/// Eight processes submit one key at once: one run comes of it, and all the others are told which.
pub async fn a_key_that_many_submit_at_once_has_one_holder(ports: &Ports) {
    let scene = Scene::bare(ports);
    let answers = scene.crowd(8, |_, scene| async move {
        scene.offer(&[keyed(HOME.sync())]).await.remove(0)
    });
    let mut created = Vec::new();
    let mut told = Vec::new();
    for answer in answers.await {
        match answer {
            Submitted::Created { id, .. } => created.push(id),
            Submitted::Existing { id } => told.push(id),
            Submitted::IdTaken { id } => panic!("no id was given, and {id} is taken"),
        }
    }
    assert_eq!(created.len(), 1);
    assert_eq!(told, vec![created[0]; 7]);
}
