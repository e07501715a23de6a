//! Successors: a new run that takes over where one has failed, and passes the gate afresh.

use std::time::Duration;

use countersign_domain::{OperationRun, RunOutcome, RunStatus, Submission, SubmittedContext};
use countersign_ports::{Finish, Finished, QueueEntry, RunKey, Successor, Work, fresh_run_id};

use crate::Ports;
use crate::change::{id, revoke};
use crate::scene::{AN_HOUR, Came, HOME, Scene, json, note};

/// A submission in which nothing is left at its default.
fn particular() -> Submission {
    Submission {
        context: SubmittedContext::parse(r#"{"keep":[1.50,"é"]}"#).unwrap(),
        priority: 42,
        unique_key: Some(id("nightly")),
        queue_name: id("slow"),
        ..HOME.restore()
    }
}

/// A successor copies what was asked for and where it stands in the chain; everything else is new.
pub async fn a_successor_copies_what_was_asked_for(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(particular()).await;
    let running = scene.start(&key).await;
    let wait = Duration::from_secs(77);
    let named = fresh_run_id();
    let finish = Finish {
        result: Some(json("1")),
        output: Some(json("2")),
        successor: Some(Successor { id: named, wait }),
        ..running.fail_and_retry(wait)
    };
    let before = scene.clock().await;
    let finished = scene.finish(finish).await;
    let after = scene.clock().await;
    let Finished::Completed {
        successor: Some(entry),
        ..
    } = finished
    else {
        panic!("a successor: {finished:?}")
    };
    let first = scene.load(&key).await;
    let next = scene.load(&entry.run).await;
    assert_eq!(next.id, named);
    assert!(before <= next.queued_at && next.queued_at <= after);
    assert!(before.plus(wait) <= next.due_at && next.due_at <= after.plus(wait));
    assert_eq!(
        next,
        OperationRun {
            id: named,
            status: RunStatus::Queued,
            outcome: RunOutcome::Pending,
            decision: None,
            result: None,
            output: None,
            failure: None,
            chain_id: key.id,
            attempt: 2,
            retry_of: Some(key.id),
            queued_at: next.queued_at,
            due_at: next.due_at,
            started_at: None,
            completed_at: None,
            ..first
        }
    );
    assert_eq!(entry, QueueEntry::of(&next), "the entry to queue it with");
}

/// A chain keeps the id of its first run, and counts.
pub async fn a_chain_counts_its_attempts(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let first = scene.submit(HOME.sync()).await;
    let mut key = first.clone();
    for attempt in 1..=5 {
        let run = scene.load(&key).await;
        assert_eq!((run.chain_id, run.attempt), (first.id, attempt));
        let running = scene.start(&key).await;
        let next = scene.fail_and_retry(&running, Duration::ZERO).await.run;
        assert_eq!(scene.load(&next).await.retry_of, Some(key.id));
        key = next;
    }
}

/// G3: a successor does not inherit the decision. What was revoked meanwhile blocks it.
pub async fn a_successor_passes_the_gate_afresh(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let running = scene.running().await;
    let successor = scene.fail_and_retry(&running, Duration::ZERO).await.run;
    scene
        .apply(&[revoke(HOME.user, HOME.workspace, HOME.tenant, "operator")])
        .await;
    assert_eq!(scene.try_start(&successor).await, Came::Blocked);
    assert_eq!(scene.load(&successor).await.started_at, None);
}

/// Only a failure has a successor; work that ended otherwise is not tried again.
pub async fn only_a_failure_has_a_successor(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for work in [
        Work::Succeeded,
        Work::PartiallySucceeded,
        Work::Cancelled(note("worker", "told to")),
    ] {
        let running = scene.running().await;
        let finish = Finish {
            work: work.clone(),
            ..running.fail_and_retry(AN_HOUR)
        };
        let finished = scene.finish(finish).await;
        assert!(
            matches!(
                finished,
                Finished::Completed {
                    successor: None,
                    ..
                }
            ),
            "{work:?}: {finished:?}"
        );
    }
    assert!(
        ports
            .runs
            .queued_entries(None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

/// The successor is there as soon as its predecessor is completed: whoever sees one sees the other.
pub async fn a_successor_is_there_with_the_completion(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let elsewhere = scene.elsewhere().await;
    for _ in 0..10 {
        let running = scene.running().await;
        let finish = running.fail_and_retry(AN_HOUR);
        let successor = RunKey {
            id: finish.successor.as_ref().unwrap().id,
            ..running.key.clone()
        };
        let watcher = tokio::spawn({
            let (scene, key) = (elsewhere.clone(), running.key.clone());
            async move {
                while scene.load(&key).await.status != RunStatus::Completed {
                    tokio::task::yield_now().await;
                }
                scene.load(&successor).await
            }
        });
        scene.finish(finish).await;
        assert_eq!(watcher.await.unwrap().status, RunStatus::Queued);
    }
}

/// A system run's successor is a system run.
pub async fn a_successor_keeps_the_mode(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let key = scene.submit(HOME.system()).await;
    let running = scene.start(&key).await;
    let successor = scene.fail_and_retry(&running, Duration::ZERO).await.run;
    let (first, next) = (scene.load(&key).await, scene.load(&successor).await);
    assert_eq!(next.authority_mode, first.authority_mode);
    assert_eq!(next.initiator, None);
    assert_eq!(scene.try_start(&successor).await, Came::Started);
}
