//! Fence protocol, step 4, and G6: what cannot be read is undecided, and never a verdict.

use std::sync::Arc;

use countersign_conformance::change::set_workspace;
use countersign_conformance::scene::{AWAY, HOME, Scene};
use countersign_domain::AuthorityQuery;
use countersign_ports::{LookedUp, UndecidedCause};

use crate::support::{Site, ports};

async fn home_and_away(site: &Site) -> Scene {
    Scene::home_and_away(&ports(&site.open().await)).await
}

async fn look_up(scene: &Scene, query: &AuthorityQuery) -> LookedUp {
    let queries = [query.clone(), AWAY.query()];
    let mut answers = scene.ports.authority.look_up(&queries).await.unwrap();
    assert!(
        matches!(answers.pop(), Some(LookedUp::Found(_))),
        "the other workspace is as it was"
    );
    answers.pop().unwrap()
}

async fn cause(scene: &Scene) -> UndecidedCause {
    match look_up(scene, &HOME.query()).await {
        LookedUp::Undecided(cause) => cause,
        LookedUp::Found(found) => panic!("undecided: {found:?}"),
    }
}

#[test]
fn a_store_without_its_marker_is_undecided() {
    Site::lend(async |site: Arc<Site>| {
        let scene = home_and_away(&site).await;
        let marker = site.directory("store");
        for damage in [
            [
                "HSET",
                &marker,
                "id",
                "019cc6fa-0000-7000-8000-000000000000",
            ]
            .as_slice(),
            &["DEL", &marker],
        ] {
            site.command(damage).await;
            let before = site.dump().await;
            let answers = scene.ports.authority.look_up(&[HOME.query()]).await;
            assert!(matches!(
                answers.unwrap()[..],
                [LookedUp::Undecided(UndecidedCause::MarkerMissing)]
            ));
            let changes = [set_workspace(HOME.workspace, false).into()];
            let refused = scene.ports.authority.apply(&changes).await.unwrap_err();
            assert_eq!(
                refused.kind(),
                countersign_ports::PortErrorKind::NotMigrated
            );
            assert_eq!(site.dump().await, before, "nothing was changed");
        }
    });
}

#[test]
fn a_first_look_up_in_a_store_without_its_marker_makes_no_scope() {
    Site::lend(async |site: Arc<Site>| {
        let scene = Scene::bare(&ports(&site.open().await));
        site.command(&["DEL", &site.directory("store")]).await;
        let answers = scene.ports.authority.look_up(&[HOME.query()]).await;
        assert!(matches!(
            answers.unwrap()[..],
            [LookedUp::Undecided(UndecidedCause::MarkerMissing)]
        ));
        assert!(site.keys().await.is_empty());
    });
}

#[test]
fn a_scope_that_does_not_read_is_undecided() {
    Site::lend(async |site: Arc<Site>| {
        let scene = home_and_away(&site).await;
        let [scope, slice] = ["scope", "slice"].map(|name| site.tagged("home", name));
        let damages: [&[&str]; 10] = [
            &["HINCRBY", &scope, "counter", "1"],
            &["HSET", &scope, "counter", "one"],
            &["HSET", &slice, "revision", "one-0"],
            &["HSET", &scope, "nonce", "0"],
            &["HSET", &slice, "revision", "1-0"],
            &["HSET", &scope, "counter", "1"],
            &["HDEL", &scope, "counter"],
            &["HDEL", &scope, "nonce"],
            &["DEL", &scope],
            &["SET", &scope, "7"],
        ];
        for damage in damages {
            site.command(damage).await;
            let told = cause(&scene).await;
            assert!(
                matches!(&told, UndecidedCause::ScopeMalformed { workspace } if workspace.as_str() == "home"),
                "{damage:?}: {told:?}"
            );
        }
    });
}

/// Absent facts deny; facts that were lost must not.
#[test]
fn a_slice_that_was_lost_is_undecided() {
    Site::lend(async |site: Arc<Site>| {
        let scene = home_and_away(&site).await;
        let slice = site.tagged("home", "slice");
        let damages: [&[&str]; 2] = [&["DEL", &slice], &["HSET", &slice, "workspace", "1"]];
        for damage in damages {
            site.command(damage).await;
            let told = cause(&scene).await;
            assert!(
                matches!(told, UndecidedCause::ScopeMalformed { .. }),
                "{damage:?}: {told:?}"
            );
        }
    });
}

#[test]
fn a_fact_that_does_not_read_is_undecided() {
    Site::lend(async |site: Arc<Site>| {
        let scene = home_and_away(&site).await;
        let slice = site.tagged("home", "slice");
        let [tenants, users] = ["tenants", "users"].map(|name| site.directory(name));
        let damages: [&[&str]; 14] = [
            &["HSET", &slice, "workspace", "yes"],
            &["HSET", &slice, "user:ada", ""],
            &["HDEL", &slice, "user:ada"],
            &["HSET", &slice, "tenant:hearth", "gone"],
            &["HDEL", &slice, "tenant:hearth"],
            &["HSET", &slice, "connection:line", "1"],
            &["HDEL", &slice, "connection:line"],
            &["HSET", &slice, "gate:", "ajar"],
            &["HSET", &slice, "gate:hearth", ""],
            &["HSET", &slice, "grants:ada\n", "member"],
            &["HSET", &slice, "grants:ada\nhearth", "operator\tsoon"],
            &["HSET", &slice, "prerequisites:hearth", "baseline\tperhaps"],
            &["HSET", &slice, "role:operator", "inventory.sync"],
            &["SET", &slice, "a text"],
        ];
        let mut raw = site.raw().await;
        let whole: Vec<u8> = redis::cmd("DUMP")
            .arg(&slice)
            .query_async(&mut raw)
            .await
            .unwrap();
        for damage in damages {
            site.command(damage).await;
            let told = cause(&scene).await;
            assert!(
                matches!(told, UndecidedCause::FactMalformed { .. }),
                "{damage:?}: {told:?}"
            );
            let mended: redis::RedisResult<()> = redis::cmd("RESTORE")
                .arg((&slice, 0, &whole, "REPLACE"))
                .query_async(&mut raw)
                .await;
            mended.unwrap();
        }
        // What is elsewhere is told by the directory: what it holds must read as well.
        let elsewhere = AuthorityQuery {
            tenant_id: "far".parse().unwrap(),
            initiator: Some("stranger".parse().unwrap()),
            ..HOME.query()
        };
        for damage in [
            ["HSET", &tenants, "far", "active"].as_slice(),
            &["HSET", &tenants, "far", "active\t"],
            &["HDEL", &tenants, "far"],
            &["HSET", &users, "stranger", "x"],
        ] {
            site.command(damage).await;
            let told = look_up(&scene, &elsewhere).await;
            let is_mended = damage[0] == "HDEL";
            assert_eq!(matches!(told, LookedUp::Found(_)), is_mended, "{damage:?}");
        }
    });
}

#[test]
fn a_look_up_names_the_key_that_holds_another_type() {
    Site::lend(async |site: Arc<Site>| {
        let scene = home_and_away(&site).await;
        let slice = site.tagged("home", "slice");
        site.command(&["SET", &slice, "a text"]).await;
        let told = cause(&scene).await.to_string();
        assert!(told.contains(&slice), "{told}");
    });
}
