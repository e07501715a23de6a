//! Many rounds of starts and changes at once that meet the same rows in opposite orders.
//!
//! The ports are called directly and once: an error that says `later` would be one that a caller sees.

use std::collections::BTreeMap;

use countersign_conformance::change::{grant, set_connection, set_gate};
use countersign_conformance::scene::{AWAY, Came, HOME, Scene};
use countersign_domain::{AttributedChange, AuthorityChange, ReasonCode, RunStatus};
use countersign_ports::{PortErrorKind, Start};

use super::stage::play;

async fn begin(scene: &Scene, starts: &[Start]) -> Vec<Came> {
    let begun = scene.ports.runs.begin(starts).await;
    let begun = begun.expect("no error reaches who starts");
    begun.iter().map(Came::from).collect()
}

async fn apply(scene: &Scene, changes: &[AuthorityChange]) {
    let changes: Vec<AttributedChange> = changes.iter().cloned().map(Into::into).collect();
    let applied = scene.ports.authority.apply(&changes).await;
    applied.expect("no error reaches who changes");
}

/// Starts of both workspaces in both orders, and changes of both in both orders.
async fn opposite_orders(rounds: usize, changes: [AuthorityChange; 2]) {
    play(move |stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        scene.apply(&AWAY.changes()).await;
        let elsewhere = stage.elsewhere().await;
        let mut back = changes.clone();
        back.reverse();
        for _ in 0..rounds {
            let mut keys = scene.submit_all([HOME.sync(), AWAY.sync()]).await;
            let there = scene.judge_all(&keys).await;
            let mut more = scene.submit_all([AWAY.sync(), HOME.sync()]).await;
            let and_back = elsewhere.judge_all(&more).await;
            let (first, second, (), ()) = tokio::join!(
                begin(scene, &there),
                begin(&elsewhere, &and_back),
                apply(scene, &changes),
                apply(&elsewhere, &back),
            );
            keys.append(&mut more);
            let came = first.into_iter().chain(second);
            for (run, came) in scene.load_all(&keys).await.iter().zip(came) {
                let expected = match came {
                    Came::Started => RunStatus::Running,
                    Came::Moved | Came::Busy => RunStatus::Queued,
                    Came::Blocked | Came::NotQueued | Came::CancelRequested => {
                        panic!("queued and allowed all along: {came:?}")
                    }
                };
                assert_eq!(run.status, expected, "{came:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn changes_that_name_the_same_subjects_in_opposite_orders_get_no_error_nor_do_starts() {
    let lines = [HOME, AWAY].map(|place| set_connection(place.connection, place.tenant, true));
    opposite_orders(60, lines).await;
}

/// Gates are no subjects: the server has to let one of the two through, and the other is made again.
#[tokio::test]
async fn changes_of_the_same_facts_in_opposite_orders_get_no_error_nor_do_starts() {
    let gates = [HOME, AWAY].map(|place| set_gate(place.workspace, None, true));
    opposite_orders(20, gates).await;
}

#[tokio::test]
async fn grants_of_the_same_roles_in_opposite_orders_get_no_error_nor_do_starts() {
    let grants = [HOME, AWAY].map(|place| grant(place.guest, place.workspace, None, "member"));
    opposite_orders(20, grants).await;
}

#[tokio::test]
async fn a_change_that_the_server_gives_up_for_another_is_made_again() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        scene.apply(&AWAY.changes()).await;
        let gates = [HOME, AWAY].map(|place| set_gate(place.workspace, None, false));
        // With the second gate of the change in hand, ask for the first.
        let mut crossing = stage.uncommitted(&gates[1..]).await;
        let ((), ()) = tokio::join!(apply(scene, &gates), async {
            stage.who_waits_for(crossing.pid).await;
            // The server lets one of the two through. A transaction of the caller's is for the caller to
            // make again.
            match crossing.try_apply(&gates[..1]).await {
                Ok(_) => crossing.commit().await,
                Err(error) => assert_eq!(error.kind(), PortErrorKind::Busy, "{error}"),
            }
        });
        let keys = scene.submit_all([HOME.restore(), AWAY.restore()]).await;
        for key in &keys {
            stage.is_blocked(key, ReasonCode::WriteGateBlocked).await;
        }
    })
    .await;
}

#[tokio::test]
async fn g3_two_processes_that_begin_the_same_runs_in_opposite_orders_start_each_once() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        scene.apply(&AWAY.changes()).await;
        let elsewhere = stage.elsewhere().await;
        for round in 0..40 {
            let runs = (0..12).map(|n| if n % 3 == 0 { AWAY } else { HOME }.sync());
            let mut keys = scene.submit_all(runs).await;
            let ours = scene.judge_all(&keys).await;
            keys.reverse();
            let theirs = elsewhere.judge_all(&keys).await;
            let (first, second) = tokio::join!(begin(scene, &ours), begin(&elsewhere, &theirs));
            let starts = ours.iter().zip(first).chain(theirs.iter().zip(second));
            let mut started = BTreeMap::new();
            for (start, came) in starts {
                let times: &mut usize = started.entry(start.run().id).or_default();
                assert!(
                    matches!(came, Came::Started | Came::NotQueued),
                    "round {round}: {came:?}"
                );
                *times += usize::from(came == Came::Started);
            }
            assert!(
                started.len() == 12 && started.values().all(|times| *times == 1),
                "round {round}: {started:?}"
            );
        }
    })
    .await;
}
