//! Many at once: each run starts once, and nothing starts after what it rested on was revoked.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_domain::{RunId, RunStatus};
use countersign_ports::{RunKey, Start};
use tokio::sync::Barrier;

use crate::Ports;
use crate::change::{grant, revoke, set_workspace};
use crate::scene::{Came, HOME, Scene, eventually};

/// Begins a judged run until the answer is another than that a change was under way.
async fn begin_patiently(scene: &Scene, start: &Start) -> Came {
    eventually("the change under way ends", || async {
        let came = scene.begin_one(start).await;
        (came != Came::Busy).then_some(came)
    })
    .await
}

/// G3: eight workers, each with decisions of its own, begin the same fifty runs: each starts once.
pub async fn eight_workers_at_fifty_runs_start_each_once(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = Arc::new(scene.submit_all((0..50).map(|_| HOME.sync())).await);
    let together = Arc::new(Barrier::new(8));
    let started = scene.crowd(8, |n, scene| {
        let (keys, together) = (keys.clone(), together.clone());
        async move {
            let mut order: Vec<RunKey> = keys.to_vec();
            fastrand::Rng::with_seed(n as u64).shuffle(&mut order);
            let starts = scene.judge_all(&order).await;
            together.wait().await;
            let mut started = Vec::new();
            for starts in starts.chunks(5) {
                let came = scene.begin(starts).await;
                for (start, mut came) in starts.iter().zip(came) {
                    if came == Came::Busy {
                        came = begin_patiently(&scene, start).await;
                    }
                    if came == Came::Started {
                        started.push((start.run().id, start.record()));
                    }
                }
            }
            started
        }
    });
    let mut decisions: BTreeMap<RunId, Vec<_>> = BTreeMap::new();
    for (run, record) in started.await.concat() {
        decisions.entry(run).or_default().push(record);
    }
    assert_eq!(decisions.len(), 50, "each was started");
    for run in scene.load_all(&keys).await {
        let [decision] = &decisions[&run.id][..] else {
            panic!("{} was started {} times", run.id, decisions[&run.id].len())
        };
        assert_eq!(run.status, RunStatus::Running);
        assert_eq!(run.decision.as_ref(), Some(decision), "whoever started it");
    }
}

/// G2: once a revocation has returned, nothing that was judged before it starts. What is still queued
/// then stays so until it is judged again, and is blocked.
pub async fn nothing_starts_after_a_revocation_has_returned(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let elsewhere = scene.elsewhere().await;
    for round in 0..50 {
        scene
            .apply(&[grant(HOME.user, HOME.workspace, HOME.tenant, "operator")])
            .await;
        let keys = scene.submit_all((0..6).map(|_| HOME.sync())).await;
        let starts = scene.judge_all(&keys).await;
        assert!(starts.iter().all(|start| start.decision().is_allowed()));

        let together = Arc::new(Barrier::new(3));
        let halves = {
            let mut first = starts;
            let second = first.split_off(3);
            [(scene.clone(), first), (elsewhere.clone(), second)]
        };
        let starters = halves.map(|(scene, starts)| {
            let together = together.clone();
            tokio::spawn(async move {
                together.wait().await;
                let mut came = Vec::new();
                for start in &starts {
                    came.push((start.run().id, begin_patiently(&scene, start).await));
                }
                came
            })
        });
        together.wait().await;
        scene
            .apply(&[revoke(HOME.user, HOME.workspace, HOME.tenant, "operator")])
            .await;
        // From here on the revocation has returned: whatever is queued now must not start.
        let after = scene.load_all(&keys).await;
        let queued = after.iter().filter(|run| run.status == RunStatus::Queued);
        let queued: Vec<RunId> = queued.map(|run| run.id).collect();
        for starter in starters {
            for (run, came) in starter.await.unwrap() {
                match came {
                    Came::Started => assert!(
                        !queued.contains(&run),
                        "round {round}: {run} started after the revocation had returned"
                    ),
                    Came::Moved => {}
                    other => panic!("round {round}: {other:?}"),
                }
            }
        }
        for key in &keys {
            if scene.load(key).await.status == RunStatus::Queued {
                assert_eq!(scene.try_start(key).await, Came::Blocked);
            }
        }
    }
}

/// While authority keeps moving, a run that is judged again and again starts in the end, and once.
pub async fn a_run_starts_in_the_end_while_authority_keeps_moving(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene.submit_all((0..10).map(|_| HOME.sync())).await;
    let mover = tokio::spawn({
        let scene = scene.elsewhere().await;
        async move {
            for _ in 0..50 {
                scene.apply(&[set_workspace(HOME.workspace, true)]).await;
                tokio::task::yield_now().await;
            }
        }
    });
    for key in &keys {
        let mut tries = 0;
        loop {
            let start = scene.judge(key).await;
            match begin_patiently(&scene, &start).await {
                Came::Started => break,
                Came::Moved => tries += 1,
                other => panic!("allowed all along: {other:?}"),
            }
            assert!(tries <= 50, "one change moves one decision");
        }
        let again = scene.judge(key).await;
        assert_eq!(begin_patiently(&scene, &again).await, Came::NotQueued);
    }
    mover.await.unwrap();
}

/// Starters, cancellers and rescuers at once leave every run completed or running, with one decision,
/// and every chain unbroken.
pub async fn a_crowd_of_workers_completes_what_was_submitted(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let keys = scene
        .submit_all((0..40).map(|n| {
            if n % 4 == 0 {
                HOME.denied()
            } else {
                HOME.sync()
            }
        }))
        .await;
    let done = scene.crowd(4, |_, scene| async move {
        let mut done = 0;
        loop {
            let deliveries = scene.receive(3).await;
            if deliveries.is_empty() {
                return done;
            }
            for delivery in deliveries {
                let start = scene.judge(&delivery.run).await;
                let came = begin_patiently(&scene, &start).await;
                scene.settle(&delivery).await;
                if came == Came::Started {
                    let running = crate::scene::Running {
                        key: delivery.run,
                        lease_id: start.lease_id(),
                    };
                    let work = countersign_ports::Work::Succeeded;
                    scene.complete(&running, work).await;
                }
                done += 1;
                assert!(done <= 40, "no more than there are");
            }
        }
    });
    assert_eq!(
        done.await.iter().sum::<usize>(),
        40,
        "each was received once"
    );
    for (n, run) in scene.load_all(&keys).await.iter().enumerate() {
        let expected = if n % 4 == 0 { "blocked" } else { "succeeded" };
        assert_eq!(
            (run.status, run.outcome.as_str()),
            (RunStatus::Completed, expected)
        );
        assert_eq!(run.started_at.is_none(), n % 4 == 0);
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
