//! A change that is held open in one workspace, and starts of many.

use std::time::Duration;

use countersign_conformance::change::set_gate;
use countersign_conformance::scene::{AWAY, Came, HOME, Place, Scene};
use countersign_ports::{LookedUp, RunKey, Start};
use tokio::time::timeout;

use super::hand::Hand;
use super::stage::{Stage, play};

/// Far more than a start may wait for a change, and far less than a change may be held open.
const PATIENCE: Duration = Duration::from_secs(5);

const WORKSPACES: usize = 10;

/// Where the change is held open.
const HELD: usize = 4;

/// One judged run in each of the workspaces.
async fn judged(scene: &Scene) -> (Vec<RunKey>, Vec<Start>) {
    let mut submissions = Vec::new();
    for n in 0..WORKSPACES {
        let (workspace, tenant) = (workspace(n), format!("tenant-{n}"));
        let place = Place {
            workspace: &workspace,
            tenant: &tenant,
            connection: &tenant,
            ..HOME
        };
        scene.apply(&place.changes()).await;
        submissions.push(place.sync());
    }
    let keys = scene.submit_all(submissions).await;
    let starts = scene.judge_all(&keys).await;
    (keys, starts)
}

fn workspace(n: usize) -> String {
    format!("workspace-{n}")
}

async fn held_open(stage: &Stage) -> Hand {
    let changes = [set_gate(&workspace(HELD), None, false)];
    stage.uncommitted(&changes).await
}

/// What starts come to, in bounded time.
async fn soon(scene: &Scene, starts: &[Start]) -> Vec<Came> {
    let came = timeout(PATIENCE, scene.begin(starts)).await;
    came.expect("an answer in bounded time")
}

#[tokio::test]
async fn a_change_held_open_in_one_workspace_keeps_no_start_of_another_waiting() {
    play(|stage| async move {
        let scene = &stage.scene;
        let (keys, starts) = judged(scene).await;
        let open = held_open(&stage).await;
        let came = soon(scene, &starts).await;
        for (n, came) in came.into_iter().enumerate() {
            let expected = match n {
                HELD => Came::Busy,
                _ => Came::Started,
            };
            assert_eq!(came, expected, "{}", workspace(n));
        }
        // The change is still there.
        assert_eq!(soon(scene, &starts[HELD..=HELD]).await, [Came::Busy]);
        open.roll_back().await;
        assert_eq!(soon(scene, &starts[HELD..=HELD]).await, [Came::Started]);
        let started = scene.load_all(&keys).await;
        assert!(started.iter().all(|run| run.started_at.is_some()));
    })
    .await;
}

#[tokio::test]
async fn g2_starts_of_a_workspace_that_is_being_changed_are_busy_then_moved() {
    play(|stage| async move {
        let scene = &stage.scene;
        let (keys, starts) = judged(scene).await;
        let open = held_open(&stage).await;
        assert_eq!(soon(scene, &starts[HELD..=HELD]).await, [Came::Busy]);
        open.commit().await;
        assert_eq!(soon(scene, &starts[HELD..=HELD]).await, [Came::Moved]);
        // The gate concerns those who write.
        assert_eq!(scene.try_start(&keys[HELD]).await, Came::Started);
    })
    .await;
}

#[tokio::test]
async fn a_batch_waits_for_none_of_several_changes_where_it_has_something_else_to_do() {
    play(|stage| async move {
        let scene = &stage.scene;
        let (_, starts) = judged(scene).await;
        let mut open = Vec::new();
        for n in 1..WORKSPACES {
            let changes = [set_gate(&workspace(n), None, false)];
            open.push(stage.uncommitted(&changes).await);
        }
        let came = soon(scene, &starts).await;
        assert_eq!(came[0], Came::Started);
        assert_eq!(came[1..], [Came::Busy; WORKSPACES - 1]);
        let came = soon(scene, &starts).await;
        assert_eq!(came[1..], [Came::Busy; WORKSPACES - 1]);
    })
    .await;
}

#[tokio::test]
async fn a_change_held_open_in_a_new_workspace_keeps_no_look_up_of_another_waiting() {
    play(|stage| async move {
        let scene = &stage.scene;
        scene.apply(&HOME.changes()).await;
        let open = stage.uncommitted(&AWAY.changes()).await;
        let queries = [HOME.query(), AWAY.query()];
        let answers = timeout(PATIENCE, scene.ports.authority.look_up(&queries)).await;
        let answers = answers.expect("an answer in bounded time");
        let answers = answers.expect("whatever can be read");
        assert!(matches!(answers[0], LookedUp::Found(_)), "{answers:?}");
        open.roll_back().await;
    })
    .await;
}
