//! A store with runs in every state, and facts of every kind.

use std::time::Duration;

use countersign_conformance::change::{
    define_role, grant, id, revoke, set_connection, set_gate, set_user, set_workspace,
};
use countersign_conformance::scene::{
    AN_HOUR, AWAY, Came, HOME, Place, Running, Scene, failed, json, note, patiently,
};
use countersign_domain::{Failure, FailureCode, Submission, SubmittedContext};
use countersign_ports::{
    Cancellation, Finish, Renewal, Retried, Retry, RunKey, Undecided, UndecidedPolicy, Work,
    fresh_run_id,
};

/// Where every id is one that somebody chose to cause trouble.
const ODD: Place<'static> = Place {
    workspace: "w}:'\"%é \u{212a}",
    tenant: "$1; DROP TABLE runs; --",
    connection: "\u{202e}\\u0041",
    user: "*?[a]",
    guest: "{0}",
};

/// Runs by what is to become of them.
const FATES: usize = 20;

/// Fills the store with that many runs and a few more, of every kind; none of them runs.
pub(crate) async fn furnish(scene: &Scene, runs: usize) {
    for place in [HOME, AWAY, ODD] {
        scene.apply(&place.changes()).await;
    }
    scene
        .apply(&[
            define_role("nobody's", &["a", "b"], true),
            set_connection("of nobody", "no tenant", false),
            set_user("idle", false),
            grant("late", "elsewhere", "t", "unknown role"),
            revoke(AWAY.guest, AWAY.workspace, None, "member"),
        ])
        .await;
    let later = scene.clock().await.plus(AN_HOUR);
    let mut fates: Vec<Vec<RunKey>> = vec![Vec::new(); FATES];
    let all: Vec<usize> = (0..runs).collect();
    for batch in all.chunks(1000) {
        let submissions = batch.iter().map(|n| Submission {
            due_at: (n % FATES == 1).then_some(later),
            ..submission(*n)
        });
        for (n, key) in batch.iter().zip(scene.submit_all(submissions).await) {
            fates[n % FATES].push(key);
        }
    }
    for (fate, keys) in fates.iter().enumerate() {
        for keys in keys.chunks(500) {
            befall(scene, fate, keys).await;
        }
    }
    // What is denied for reasons that hold for a while only.
    let writes = scene.submit_all((0..3).map(|_| AWAY.restore())).await;
    scene.apply(&[set_gate(AWAY.workspace, None, false)]).await;
    block(scene, &writes).await;
    let orphans = scene.submit_all((0..3).map(|_| AWAY.sync())).await;
    scene.apply(&[set_workspace(AWAY.workspace, false)]).await;
    block(scene, &orphans).await;
}

fn submission(n: usize) -> Submission {
    let place = [HOME, AWAY, ODD][n / FATES % 3];
    let ask = match n % FATES {
        8 => place.denied(),
        14 | 19 => place.restore(),
        18 => place.system(),
        _ => place.sync(),
    };
    Submission {
        priority: i16::try_from(n % 7).unwrap() - 3,
        unique_key: (n % FATES == 16).then(|| id(format!("key {n}"))),
        queue_name: id(["default", "an'other"][n % 2]),
        context: SubmittedContext::parse(&format!(r#"{{"n":{n},"text":"é\u2028'\"","x":1e400}}"#))
            .unwrap(),
        ..ask
    }
}

/// Lets happen what is to happen to such runs.
async fn befall(scene: &Scene, fate: usize, keys: &[RunKey]) {
    match fate {
        // Queued: now, scheduled, with a key, on the system's authority.
        0 | 1 | 16 | 18 => {}
        2 => put_off(scene, keys, &UndecidedPolicy::default()).await,
        3 => end(scene, keys, Work::Succeeded).await,
        4 => end(scene, keys, Work::PartiallySucceeded).await,
        5 => end(scene, keys, failed()).await,
        6 => end(scene, keys, failed_with(FailureCode::Timeout)).await,
        7 => end(scene, keys, failed_with(FailureCode::Panicked)).await,
        8 => block(scene, keys).await,
        9 => end(scene, keys, Work::Cancelled(note("ops", "it stopped"))).await,
        10 => cancel(scene, keys).await,
        11 => {
            let running = start(scene, keys).await;
            cancel(scene, keys).await;
            finish(scene, &running, Work::Succeeded).await;
        }
        12 => {
            let running = start(scene, keys).await;
            lose_authority(scene, &running).await;
            finish(scene, &running, Work::Succeeded).await;
        }
        13 => {
            // A chain: failed twice, its third waits.
            let mut keys = keys.to_vec();
            for _ in 0..2 {
                let running = start(scene, &keys).await;
                let retries = running.iter().map(|one| one.fail_and_retry(Duration::ZERO));
                let finished = scene.finish_all(&retries.collect::<Vec<_>>()).await;
                keys = finished.into_iter().map(successor).collect();
            }
        }
        14 => {
            for key in keys {
                scene.start_for(key, Duration::from_micros(1)).await;
            }
            let now = scene.clock().await;
            scene.clock_past(now).await;
            while !scene.rescue(500).await.is_empty() {}
        }
        15 => {
            let at_once = UndecidedPolicy {
                give_up_after: Duration::ZERO,
                ..UndecidedPolicy::default()
            };
            put_off(scene, keys, &at_once).await;
        }
        17 => {
            end(scene, keys, failed()).await;
            retry(scene, keys).await;
        }
        19 => {
            let finishes: Vec<Finish> = start(scene, keys)
                .await
                .iter()
                .map(|running| Finish {
                    result: Some(json(
                        r#"{"rows":[1,2.50,"drei"],"large":12345678901234567890123}"#,
                    )),
                    output: Some(json(r#"{"stdout":"ü\n","exit_code":0}"#)),
                    ..running.finish(Work::Succeeded)
                })
                .collect();
            scene.finish_all(&finishes).await;
        }
        other => panic!("nothing happens to runs of fate {other}"),
    }
}

fn failed_with(code: FailureCode) -> Work {
    Work::Failed(Failure {
        code,
        message: "'; --\n\u{fffd}".to_owned(),
    })
}

fn successor(finished: countersign_ports::Finished) -> RunKey {
    match finished {
        countersign_ports::Finished::Completed {
            successor: Some(entry),
            ..
        } => entry.run,
        other => panic!("a successor was queued: {other:?}"),
    }
}

async fn start(scene: &Scene, keys: &[RunKey]) -> Vec<Running> {
    let starts = scene.judge_all(keys).await;
    let came = scene.begin(&starts).await;
    assert!(came.iter().all(|came| *came == Came::Started), "{came:?}");
    let running = |(key, start): (&RunKey, &countersign_ports::Start)| Running {
        key: key.clone(),
        lease_id: start.lease_id(),
    };
    keys.iter().zip(&starts).map(running).collect()
}

async fn finish(scene: &Scene, running: &[Running], work: Work) {
    let finishes: Vec<Finish> = running
        .iter()
        .map(|running| running.finish(work.clone()))
        .collect();
    scene.finish_all(&finishes).await;
}

async fn end(scene: &Scene, keys: &[RunKey], work: Work) {
    let running = start(scene, keys).await;
    finish(scene, &running, work).await;
}

async fn block(scene: &Scene, keys: &[RunKey]) {
    let starts = scene.judge_all(keys).await;
    let came = scene.begin(&starts).await;
    assert!(came.iter().all(|came| *came == Came::Blocked), "{came:?}");
}

async fn cancel(scene: &Scene, keys: &[RunKey]) {
    let cancellations: Vec<Cancellation> = keys
        .iter()
        .map(|key| Cancellation {
            run: key.id,
            note: note("ops", "no longer wanted"),
        })
        .collect();
    patiently(|| scene.ports.runs.cancel(&cancellations)).await;
}

async fn lose_authority(scene: &Scene, running: &[Running]) {
    let renewals: Vec<Renewal> = running
        .iter()
        .map(|running| Renewal {
            continuity: Some(json(
                r#"{"action":"cancel","reason_code":"missing_capability"}"#,
            )),
            cancel: Some(note("the gate", "authority went away")),
            ..running.renewal(AN_HOUR)
        })
        .collect();
    patiently(|| scene.ports.runs.renew(&renewals)).await;
}

async fn put_off(scene: &Scene, keys: &[RunKey], policy: &UndecidedPolicy) {
    let undecided: Vec<Undecided> = keys
        .iter()
        .map(|key| Undecided {
            run: key.clone(),
            cause: "the authority store is away".to_owned(),
        })
        .collect();
    patiently(|| scene.ports.runs.put_off(&undecided, policy)).await;
}

async fn retry(scene: &Scene, keys: &[RunKey]) {
    let retries: Vec<Retry> = keys
        .iter()
        .map(|key| Retry {
            run: key.id,
            successor: fresh_run_id(),
            requested_by: id("ops"),
        })
        .collect();
    let retried = patiently(|| scene.ports.runs.retry(&retries)).await;
    let all = retried.iter().all(|one| matches!(one, Retried::Created(_)));
    assert!(all, "{retried:?}");
}
