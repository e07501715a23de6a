//! Moves of a store whose workspaces have markers of their own: whoever takes a step may be stopped anywhere in it.

use countersign_conformance::change::set_workspace;
use countersign_conformance::scene::{AWAY, HOME, Place, Scene, refused};
use countersign_domain::{AuthorityQuery, StoreId};
use countersign_ports::{
    LogQuery, LookedUp, Movement, PortErrorKind, Side, Standing, Step, Stepped, fresh_move_id,
    fresh_store_id,
};

use super::changes::intend;
use crate::support::{Site, cluster, ports};

async fn lend(test: impl AsyncFnOnce(&Site, Scene)) {
    let site = Site::at(cluster()).prepared().await;
    let scene = Scene::home_and_away(&ports(&site.open().await)).await;
    test(&site, scene).await;
    site.close().await;
}

fn movement(from: &Scene, to: StoreId) -> Movement {
    let side = |store| Side {
        store,
        address: format!("redis-cluster://{store}"),
    };
    Movement {
        id: fresh_move_id(),
        from: side(from.ports.home().store().id),
        to: side(to),
    }
}

async fn field(site: &Site, key: &str, field: &str) -> Option<String> {
    let mut raw = site.raw_to(key).await;
    let held: redis::RedisResult<Option<String>> = redis::cmd("HGET")
        .arg((key, field))
        .query_async(&mut raw)
        .await;
    held.unwrap()
}

async fn rename(site: &Site, from: &str, to: &str) {
    let mut raw = site.raw_to(from).await;
    let renamed: redis::RedisResult<()> = redis::cmd("RENAME")
        .arg((from, to))
        .query_async(&mut raw)
        .await;
    renamed.unwrap();
}

async fn submit_is_refused(scene: &Scene, place: Place<'_>) {
    refused(scene.ports.runs.submit(&[place.sync()]).await);
}

/// One workspace's marker cannot be written: until it can, nobody is told that the store is sealed, and it is not
/// unsealed past it either.
#[tokio::test]
async fn g2_a_store_is_sealed_when_every_workspace_is() {
    lend(async |site, scene| {
        let home = scene.ports.home();
        let movement = movement(&scene, fresh_store_id());
        let (marker, aside) = (
            site.tagged(HOME.workspace, "store"),
            site.tagged(HOME.workspace, "aside"),
        );
        rename(site, &marker, &aside).await;
        rename(site, &site.tagged(HOME.workspace, "slice"), &marker).await;
        // What is no marker is there: the fields that one has are not.
        let error = home.step(&Step::Seal(movement.clone())).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::NotMigrated, "{error}");
        home.standing().await.unwrap_err();
        // The directory is closed by now.
        let change = set_workspace("another", true);
        refused(scene.ports.authority.apply(&[change.into()]).await);
        rename(site, &marker, &site.tagged(HOME.workspace, "slice")).await;
        rename(site, &aside, &marker).await;
        let standing = home.standing().await.unwrap();
        assert!(matches!(standing, Standing::Sealed { .. }), "{standing:?}");
        submit_is_refused(&scene, HOME).await;
        submit_is_refused(&scene, AWAY).await;
        let stepped = home.step(&Step::Unseal(movement.id)).await.unwrap();
        assert_eq!(stepped, Stepped::Stands(Standing::NEW));
        scene.submit(HOME.sync()).await;
        scene.submit(AWAY.sync()).await;
    })
    .await;
}

/// Somebody was about to give a workspace its marker when the store was sealed.
#[tokio::test]
async fn g2_a_workspace_that_is_being_opened_is_sealed_too() {
    lend(async |site, scene| {
        let opening = site.directory("opening");
        let mut raw = site.raw_to(&opening).await;
        let added: redis::RedisResult<()> = redis::cmd("SADD")
            .arg((&opening, "late"))
            .query_async(&mut raw)
            .await;
        added.unwrap();
        let home = scene.ports.home();
        let movement = movement(&scene, fresh_store_id());
        let stepped = home.step(&Step::Seal(movement)).await.unwrap();
        assert!(matches!(stepped, Stepped::Stands(_)));
        let why = field(site, &site.tagged("late", "store"), "sealed").await;
        assert!(why.is_some_and(|why| why.contains("sealed")));
        // And a look-up there makes nothing either.
        let query = AuthorityQuery {
            workspace_id: "later".parse().unwrap(),
            ..HOME.query()
        };
        refused(scene.ports.authority.look_up(&[query]).await);
    })
    .await;
}

/// Whoever was changing authority is gone: the seal ends what they began, or it would change a sealed store later.
#[tokio::test]
async fn g2_a_change_that_was_begun_ends_before_the_store_is_sealed() {
    lend(async |site, scene| {
        let said = set_workspace(HOME.workspace, false);
        let words = ["set_workspace", HOME.workspace, "0"];
        assert_eq!(intend(site, &scene, &words, &said).await, "intended");
        let home = scene.ports.home();
        let movement = movement(&scene, fresh_store_id());
        let stepped = home.step(&Step::Seal(movement)).await.unwrap();
        assert!(matches!(stepped, Stepped::Stands(_)));
        let last = LogQuery {
            workspace_id: None,
            before: None,
            limit: 1,
        };
        let log = scene.ports.authority.log(&last).await.unwrap();
        assert_eq!(log[0].change, said);
        let found = scene
            .ports
            .authority
            .look_up(&[HOME.query()])
            .await
            .unwrap();
        let [LookedUp::Found(found)] = &found[..] else {
            panic!("an intact store: {found:?}")
        };
        let active = found.rows().workspace.as_ref().map(|row| row.active);
        assert_eq!(active, Some(false));
    })
    .await;
}

/// A process that has slept through a seal and an unseal does not close one workspace for good.
#[tokio::test]
async fn g5_a_marker_does_not_go_back_to_an_earlier_step() {
    const FOLLOW: &str = concat!(
        "#!lua\n",
        include_str!("../../../src/lua/prelude.lua"),
        include_str!("../../../src/lua/follow.lua"),
    );
    lend(async |site, scene| {
        let home = scene.ports.home();
        let movement = movement(&scene, fresh_store_id());
        for step in [Step::Seal(movement.clone()), Step::Unseal(movement.id)] {
            let stepped = home.step(&step).await.unwrap();
            assert!(matches!(stepped, Stepped::Stands(_)));
        }
        let marker = site.tagged(HOME.workspace, "store");
        let mut raw = site.raw_to(&marker).await;
        let followed: redis::RedisResult<Option<String>> = redis::cmd("EVAL")
            .arg(FOLLOW)
            .arg(1)
            .arg(&marker)
            .arg(scene.ports.runs.store().id.to_string())
            .arg((1, "the store is sealed", "", 0))
            .query_async(&mut raw)
            .await;
        followed.unwrap();
        scene.submit(HOME.sync()).await;
    })
    .await;
}
