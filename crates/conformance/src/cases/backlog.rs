//! What a worker has left to do, counted by what stands between a run and its start.

use std::time::Duration;

use countersign_domain::{OperationType, QueueName, Submission};
use countersign_ports::{Backlog, BacklogQuery, Undecided, UndecidedPolicy, Work};

use crate::Ports;
use crate::change::id;
use crate::scene::{AN_HOUR, AWAY, HOME, Scene, note};

async fn backlog(scene: &Scene, operations: &[OperationType]) -> Backlog {
    let query = BacklogQuery {
        queue_name: &QueueName::standard(),
        operations,
    };
    scene.ports.runs.backlog(&query).await.unwrap()
}

/// An empty store leaves nothing to do.
pub async fn an_empty_store_has_no_backlog(ports: &Ports) {
    let scene = Scene::bare(ports);
    let known = scene.catalog.names();
    assert_eq!(backlog(&scene, &known).await, Backlog::default());
    assert_eq!(backlog(&scene, &[]).await, Backlog::default());
}

/// Each unfinished run is counted once, under what keeps it from starting; those of every workspace.
pub async fn each_unfinished_run_is_counted_once(ports: &Ports) {
    let scene = Scene::home_and_away(ports).await;
    let later = Some(scene.clock().await.plus(AN_HOUR));
    let queue_name: QueueName = id("slow");
    scene
        .submit_all([
            // Due: now, and long since.
            HOME.sync(),
            AWAY.sync(),
            Submission {
                due_at: Some(id("2001-01-01T00:00:00Z")),
                ..HOME.system()
            },
            // Later.
            Submission {
                due_at: later,
                ..HOME.sync()
            },
            // Of an operation, or of a queue, that is not the worker's.
            HOME.run_of("unheard-of"),
            Submission {
                due_at: later,
                ..HOME.run_of("unheard-of")
            },
            Submission {
                queue_name: queue_name.clone(),
                ..HOME.sync()
            },
        ])
        .await;
    // Running: in any queue.
    scene.running().await;
    let elsewhere = Submission {
        queue_name,
        ..AWAY.sync()
    };
    let elsewhere = scene.submit(elsewhere).await;
    scene.start(&elsewhere).await;

    let expected = Backlog {
        due: 3,
        later: 1,
        unknown: 3,
        running: 2,
    };
    assert_eq!(backlog(&scene, &scene.catalog.names()).await, expected);
    let expected = Backlog {
        due: 0,
        later: 0,
        unknown: 7,
        running: 2,
    };
    assert_eq!(backlog(&scene, &[]).await, expected, "knows nothing");
}

/// Completed runs are no longer counted, however they ended.
pub async fn completed_runs_are_not_counted(ports: &Ports) {
    let scene = Scene::home(ports).await;
    scene.succeeded(HOME.sync()).await;
    let cancelled = scene.submit(HOME.sync()).await;
    scene.cancel(&cancelled, note("ops", "no need")).await;
    let blocked = scene.submit(HOME.denied()).await;
    scene.try_start(&blocked).await;
    let known = scene.catalog.names();
    assert_eq!(backlog(&scene, &known).await, Backlog::default());
}

/// A run that is put off is counted as later, until its time has come; a successor like any other.
pub async fn a_run_moves_from_later_to_due(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let known = scene.catalog.names();
    let key = scene.submit(HOME.sync()).await;
    let undecided = Undecided {
        run: key,
        cause: "the store is away".to_owned(),
    };
    let policy = UndecidedPolicy {
        first_wait: AN_HOUR,
        longest_wait: AN_HOUR,
        ..UndecidedPolicy::default()
    };
    ports.runs.put_off(&[undecided], &policy).await.unwrap();
    let running = scene.running().await;
    scene.fail_and_retry(&running, Duration::ZERO).await;
    let counted = backlog(&scene, &known).await;
    assert_eq!((counted.due, counted.later), (1, 1));

    let soon = scene.clock().await.plus(Duration::from_millis(20));
    scene
        .submit(Submission {
            due_at: Some(soon),
            ..HOME.sync()
        })
        .await;
    scene.clock_past(soon).await;
    let counted = backlog(&scene, &known).await;
    assert_eq!((counted.due, counted.later), (2, 1));
    let running = scene.running().await;
    assert_eq!(backlog(&scene, &known).await.running, 1);
    scene.complete(&running, Work::Succeeded).await;
    assert_eq!(backlog(&scene, &known).await, counted);
}
