//! Starts under way: whoever comes while one is held between its locks and its commit.

use countersign_conformance::change::{revoke, set_gate};
use countersign_conformance::scene::{AWAY, Came, HOME};
use countersign_domain::RunStatus;
use countersign_ports::{AuthorityStore as _, LogQuery, Start};

use super::hand::{close_door, hold_scope};
use super::stage::{Stage, play};

#[tokio::test]
async fn g2_a_revocation_waits_for_a_start_under_way_and_is_committed_after_it() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        let key = scene.submit(HOME.sync()).await;
        let start = scene.judge(&key).await;

        let door = close_door(&stage).await;
        let revocation = revoke(HOME.user, HOME.workspace, HOME.tenant, "operator");
        let mut revoking = stage.begins().await;
        let (came, applied) = tokio::join!(scene.begin_one(&start), async {
            let starting = stage.who_waits_for(door.pid).await;
            let waiting = revoking.pid;
            let changes = [revocation];
            let (applied, ()) = tokio::join!(revoking.apply(&changes), async {
                stage.waits_for(waiting, starting).await;
                // What waits has not happened: whoever looks still finds the authority.
                assert!(scene.judge(&key).await.decision().is_allowed());
                door.commit().await;
            });
            applied
        });
        revoking.commit().await;
        assert_eq!(came, Came::Started);
        let run = scene.load(&key).await;
        assert_eq!(run.status, RunStatus::Running);

        let last = LogQuery {
            workspace_id: None,
            before: None,
            limit: 1,
        };
        let last = stage.store.authority().log(&last).await.unwrap().remove(0);
        assert_eq!(last.raised, applied.raised);
        assert!(run.started_at.unwrap() <= last.at, "first the start");
    })
    .await;
}

#[tokio::test]
async fn g3_who_waits_for_another_start_of_the_run_finds_it_started() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        let key = scene.submit(HOME.sync()).await;
        let elsewhere = stage.elsewhere().await;
        let (first, second) = (scene.judge(&key).await, elsewhere.judge(&key).await);

        let door = close_door(&stage).await;
        let (came, late) = tokio::join!(scene.begin_one(&first), async {
            let starting = stage.who_waits_for(door.pid).await;
            let (late, ()) = tokio::join!(elsewhere.begin_one(&second), async {
                stage.who_waits_for(starting).await;
                door.commit().await;
            });
            late
        });
        assert_eq!((came, late), (Came::Started, Came::NotQueued));
        let run = scene.load(&key).await;
        assert_eq!(run.decision, Some(first.record()), "the one that let it");
    })
    .await;
}

#[tokio::test]
async fn a_change_that_waits_is_let_in_before_the_whole_of_a_large_batch_is_through() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        let keys = scene.submit_all((0..600).map(|_| HOME.sync())).await;
        let starts = scene.judge_all(&keys).await;

        let door = close_door(&stage).await;
        let revocation = [revoke(HOME.user, HOME.workspace, HOME.tenant, "operator")];
        let mut revoking = stage.begins().await;
        let (came, ()) = tokio::join!(scene.begin(&starts), async {
            let starting = stage.who_waits_for(door.pid).await;
            let waiting = revoking.pid;
            tokio::join!(revoking.apply(&revocation), async {
                stage.waits_for(waiting, starting).await;
                door.commit().await;
            });
            revoking.commit().await;
        });
        let started = came.iter().filter(|came| **came == Came::Started).count();
        assert!((1..=300).contains(&started), "{started} had started");
        for (start, came) in starts.iter().zip(&came) {
            if *came != Came::Started {
                // Which of them: whether the change had been committed when they were looked at.
                assert!(matches!(came, Came::Busy | Came::Moved), "{came:?}");
                assert_eq!(scene.begin_one(start).await, Came::Moved);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn g4_a_ruling_is_not_deleted_from_under_a_raw_start_that_is_not_committed() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        // A ruling that no run has any more.
        let gone = scene.succeeded(HOME.sync()).await.key;
        stage
            .execute(&format!("DELETE FROM countersign.runs WHERE id = '{}'", gone.id))
            .await;
        let key = scene.submit(HOME.sync()).await;

        let mut starting = stage.begins().await;
        let start = format!(
            "UPDATE countersign.run_states SET status = 'running', started_at = now(), allowed = true,
                    lease_id = gen_random_uuid(), lease_expires_at = now(), decision_id = gen_random_uuid(),
                    ruling = (SELECT max(seq) FROM countersign.rulings)
             WHERE id = '{}'",
            key.id
        );
        starting.execute(&stage.rewritten(&start)).await.unwrap();
        let mut deleting = stage.begins().await;
        let (waiting, holding) = (deleting.pid, starting.pid);
        let delete = stage.rewritten("DELETE FROM countersign.rulings");
        let (deleted, ()) = tokio::join!(deleting.execute(&delete), async {
            stage.waits_for(waiting, holding).await;
            starting.commit().await;
        });
        let refused = deleted.unwrap_err().to_string();
        assert!(refused.contains("G4"), "{refused}");
        deleting.roll_back().await;
        assert!(scene.load(&key).await.decision.is_some());
    })
    .await;
}

/// Judged starts come while a change waits for one that shares the first's workspace, as each of them
/// could, too. So they come to that, and the first is moved once the change is made.
async fn while_a_change_waits(stage: &Stage, starts: &[Start], expected: &[Came]) {
    let scene = &stage.scene;
    let sharing = hold_scope(stage, HOME.workspace).await;
    let mut changing = stage.begins().await;
    let waiting = changing.pid;
    let changes = [set_gate(HOME.workspace, None, false)];
    tokio::join!(changing.apply(&changes), async {
        stage.waits_for(waiting, sharing.pid).await;
        assert_eq!(scene.begin(starts).await, expected);
        sharing.roll_back().await;
    });
    changing.commit().await;
    let again = starts.first().expect("a start of the workspace");
    assert_eq!(scene.begin_one(again).await, Came::Moved);
}

#[tokio::test]
async fn a_change_that_waits_for_starts_is_not_passed_by_starts_among_others() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        scene.apply(&AWAY.changes()).await;
        let keys = scene.submit_all([HOME.sync(), AWAY.sync()]).await;
        let starts = scene.judge_all(&keys).await;
        while_a_change_waits(&stage, &starts, &[Came::Busy, Came::Started]).await;
    })
    .await;
}

#[tokio::test]
async fn a_change_that_waits_for_starts_is_not_passed_by_starts_of_its_workspace_alone() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        let keys = scene.submit_all([HOME.sync(), HOME.sync()]).await;
        let starts = scene.judge_all(&keys).await;
        while_a_change_waits(&stage, &starts, &[Came::Busy; 2]).await;
    })
    .await;
}
