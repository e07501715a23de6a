//! An operator's retry: a successor of a completed run, one at most, that passes the gate afresh.

use countersign_domain::{OperationRun, RunOutcome, RunStatus, Submission};
use countersign_ports::{QueueEntry, Retried, Retry, RunKey, Work, fresh_run_id};

use crate::Ports;
use crate::change::{grant, id};
use crate::scene::{AN_HOUR, Came, HOME, Scene, failed, note};

fn asked(key: &RunKey) -> Retry {
    Retry {
        run: key.id,
        successor: fresh_run_id(),
        requested_by: id("operator on duty"),
    }
}

fn keyed() -> Submission {
    Submission {
        unique_key: Some(id("nightly")),
        ..HOME.sync()
    }
}

/// A retry copies what was asked for, on the same authority, and says who asked.
pub async fn a_retry_copies_what_was_asked_for(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let submission = Submission {
        priority: -3,
        queue_name: id("slow"),
        provider_connection_id: Some(id(HOME.connection)),
        ..keyed()
    };
    let key = scene.submit(submission).await;
    let running = scene.start(&key).await;
    scene.complete(&running, failed()).await;
    let retry = asked(&key);
    let before = scene.clock().await;
    let retried = ports
        .runs
        .retry(std::slice::from_ref(&retry))
        .await
        .unwrap();
    let after = scene.clock().await;
    let Retried::Created(entry) = &retried[0] else {
        panic!("created: {retried:?}")
    };
    let first = scene.load(&key).await;
    let next = scene.load(&entry.run).await;
    assert_eq!(entry, &QueueEntry::of(&next));
    assert!(before <= next.queued_at && next.queued_at <= after);
    assert!(before <= next.due_at && next.due_at <= after, "due at once");
    assert_eq!(
        next,
        OperationRun {
            id: retry.successor,
            status: RunStatus::Queued,
            outcome: RunOutcome::Pending,
            decision: None,
            failure: None,
            chain_id: key.id,
            attempt: 2,
            retry_of: Some(key.id),
            requested_by: Some(retry.requested_by),
            queued_at: next.queued_at,
            due_at: next.due_at,
            started_at: None,
            completed_at: None,
            ..first
        }
    );
}

/// Whatever a completed run came to, an operator may have it tried again.
pub async fn any_completed_run_is_retried(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let mut done = Vec::new();
    for work in [
        Work::Succeeded,
        Work::PartiallySucceeded,
        failed(),
        Work::Cancelled(note("worker", "told to")),
    ] {
        let running = scene.running().await;
        scene.complete(&running, work).await;
        done.push(running.key);
    }
    let cancelled = scene.submit(HOME.sync()).await;
    scene.cancel(&cancelled, note("ops", "no need")).await;
    done.push(cancelled);
    let blocked = scene.submit(HOME.denied()).await;
    scene.try_start(&blocked).await;
    done.push(blocked);
    for key in done {
        let next = scene.load(&scene.retry_anew(&key).await).await;
        assert_eq!((next.retry_of, next.attempt), (Some(key.id), 2));
    }
}

/// G3: what was blocked is judged anew: blocked again as things stand, started once they have changed.
pub async fn a_retry_of_a_blocked_run_passes_the_gate_afresh(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.denied()).await;
    assert_eq!(scene.try_start(&key).await, Came::Blocked);
    let second = scene.retry_anew(&key).await;
    assert_eq!(scene.try_start(&second).await, Came::Blocked);
    scene
        .apply(&[grant(HOME.guest, HOME.workspace, HOME.tenant, "operator")])
        .await;
    let third = scene.retry_anew(&second).await;
    assert_eq!(scene.try_start(&third).await, Came::Started);
    let chain: Vec<_> = scene.load_all(&[key.clone(), second, third]).await;
    assert!(chain.iter().all(|run| run.chain_id == key.id));
    assert_eq!(chain[2].attempt, 3);
}

/// Neither initiator nor mode changes hands: not by whoever asks.
pub async fn a_retry_runs_on_the_authority_of_the_first_run(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for submission in [HOME.sync(), HOME.system()] {
        let done = scene.succeeded(submission).await.key;
        let next = scene.retry_anew(&done).await;
        let (first, next) = (scene.load(&done).await, scene.load(&next).await);
        assert_eq!(next.initiator, first.initiator);
        assert_eq!(next.authority_mode, first.authority_mode);
    }
}

/// A run has at most one successor: whoever asks again is told of it, also once it is completed.
pub async fn a_run_has_one_successor(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let done = scene.succeeded(HOME.sync()).await.key;
    let next = scene.retry_anew(&done).await;
    let existing = Retried::Existing { id: next.id };
    assert_eq!(scene.retry(&done).await, existing);
    assert_eq!(scene.elsewhere().await.retry(&done).await, existing);
    let running = scene.start(&next).await;
    assert_eq!(scene.retry(&done).await, existing);
    scene.complete(&running, Work::Succeeded).await;
    assert_eq!(scene.retry(&done).await, existing);
}

/// An automatic successor counts: an operator's retry is answered with it.
pub async fn an_automatic_successor_is_the_one(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await;
    let next = scene.fail_and_retry(&running, AN_HOUR).await.run;
    let retried = scene.retry(&running.key).await;
    assert_eq!(retried, Retried::Existing { id: next.id });
    assert_eq!(scene.load(&next).await.requested_by, None);
}

/// Two operators at once get one successor between them.
pub async fn many_who_ask_at_once_get_one_successor(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let done = scene.succeeded(HOME.sync()).await.key;
    let answers = scene.crowd(8, |_, scene| {
        let done = done.clone();
        async move { scene.retry(&done).await }
    });
    let mut ids: Vec<_> = answers
        .await
        .into_iter()
        .map(|answer| match answer {
            Retried::Created(entry) => entry.run.id,
            Retried::Existing { id } => id,
            Retried::NotCompleted | Retried::UniqueKeyHeld { .. } | Retried::NotFound => {
                panic!("a completed run without key: {answer:?}")
            }
        })
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(ports.runs.queued_entries(None, 10).await.unwrap().len(), 1);
}

/// A run that has not ended is not retried, nor one that is not there.
pub async fn only_completed_runs_are_retried(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let queued = scene.submit(HOME.sync()).await;
    let running = scene.running().await.key;
    let ghost = RunKey {
        id: fresh_run_id(),
        ..queued.clone()
    };
    let retries = [&queued, &running, &ghost].map(asked);
    assert_eq!(
        ports.runs.retry(&retries).await.unwrap(),
        [
            Retried::NotCompleted,
            Retried::NotCompleted,
            Retried::NotFound
        ]
    );
}

/// A unique key that another unfinished run holds by now is not taken from it; once it is free, the
/// retry holds it.
pub async fn a_retry_does_not_take_a_key_that_is_held(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let done = scene.succeeded(keyed()).await.key;
    let holder = scene.submit(keyed()).await;
    let held = Retried::UniqueKeyHeld { holder: holder.id };
    assert_eq!(scene.retry(&done).await, held);
    let running = scene.start(&holder).await;
    assert_eq!(scene.retry(&done).await, held);
    scene.complete(&running, Work::Succeeded).await;
    let next = scene.retry_anew(&done).await;
    let answers = scene.offer(&[keyed()]).await;
    let existing = countersign_ports::Submitted::Existing { id: next.id };
    assert_eq!(answers, [existing]);
}

/// Retries of one batch see each other: the same run twice, and two runs of one key.
pub async fn retries_of_one_batch_see_each_other(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let one = scene.succeeded(keyed()).await.key;
    let other = scene.succeeded(keyed()).await.key;
    let retries = [&one, &other, &one].map(asked);
    let retried = ports.runs.retry(&retries).await.unwrap();
    let successor = retries[0].successor;
    assert!(matches!(&retried[0], Retried::Created(entry) if entry.run.id == successor));
    assert_eq!(retried[1], Retried::UniqueKeyHeld { holder: successor });
    assert_eq!(retried[2], Retried::Existing { id: successor });
}

/// The limit of attempts is for the machine; an operator may exceed it.
pub async fn a_retry_may_exceed_the_limit_of_attempts(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let mut key = scene.submit(HOME.run_of("once")).await;
    for attempt in 2..=5 {
        scene.start_and_lapse(&key).await;
        assert_eq!(scene.rescue(10).await[0].successor, None, "at the limit");
        key = scene.retry_anew(&key).await;
        assert_eq!(scene.load(&key).await.attempt, attempt);
    }
}
