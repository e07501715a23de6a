//! What one slot cannot do at the moment does not hold up the workspaces of the others.

use std::sync::Arc;

use countersign_conformance::change::set_workspace;
use countersign_conformance::scene::{AWAY, Came, HOME, Scene};
use countersign_ports::{LookedUp, RetryClass};

use super::changes::intend;
use super::shared;
use crate::support::{Site, cluster, ports};

/// Home's slot is halfway to another node: no script on several of its keys runs at either.
async fn halfway(place: &super::Place) {
    let slot = place.slot(&place.site.tagged(HOME.workspace, "scope"));
    let from = place.cluster.serving(slot, 0).unwrap();
    let to = (from + 1) % 3;
    place.cluster.begin_move(slot, from, to).unwrap();
    let scope = place.site.tagged(HOME.workspace, "scope");
    let port = place.cluster.nodes()[to].port().to_string();
    let moved = place.tell(from, &["MIGRATE", "127.0.0.1", &port, &scope, "0", "10000"]);
    assert_eq!(moved, "OK");
}

#[tokio::test]
async fn a_slot_that_is_on_its_way_holds_up_no_others_look_up() {
    let place = shared().await;
    let scene = Scene::home_and_away(&place.open().await).await;
    halfway(&place).await;
    let authority = Arc::clone(&scene.ports.authority);
    let told = authority.look_up(&[HOME.query(), AWAY.query()]).await;
    assert!(matches!(
        told.unwrap()[..],
        [LookedUp::Undecided(_), LookedUp::Found(_)]
    ));
    let error = authority.look_up(&[HOME.query()]).await.unwrap_err();
    assert_eq!(error.retry(), RetryClass::Later, "{error}");
}

#[tokio::test]
async fn a_slot_that_is_on_its_way_holds_up_no_others_start() {
    let place = shared().await;
    let scene = Scene::home_and_away(&place.open().await).await;
    let keys = scene.submit_all([HOME.sync(), AWAY.sync()]).await;
    let starts = scene.judge_all(&keys).await;
    halfway(&place).await;
    assert_eq!(scene.begin(&starts).await, [Came::Busy, Came::Started]);
}

/// Home was damaged after the change was begun, so that nobody can finish it.
#[tokio::test]
async fn g5_a_change_that_cannot_be_finished_holds_up_no_rescue() {
    let site = Site::at(cluster()).prepared().await;
    let scene = Scene::home_and_away(&ports(&site.open().await)).await;
    let key = scene.submit(AWAY.sync()).await;
    scene.start_and_lapse(&key).await;
    let said = set_workspace(HOME.workspace, false);
    intend(
        &site,
        &scene,
        &["set_workspace", HOME.workspace, "0"],
        &said,
    )
    .await;
    site.command(&["DEL", &site.tagged(HOME.workspace, "scope")])
        .await;
    assert_eq!(scene.rescue(10).await.len(), 1);
    site.close().await;
}
