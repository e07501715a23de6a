//! A change that cannot be made whole is not made at all.

use std::sync::Arc;

use countersign_conformance::change::{
    define_role, grant, remove_user, set_connection, set_gate, set_tenant, set_user, set_workspace,
};
use countersign_conformance::scene::{AWAY, HOME, Scene};
use countersign_domain::AttributedChange;
use countersign_ports::PortErrorKind;

use crate::support::{Site, ports};

/// One change of each kind; together they write to every kind of key.
fn changes() -> Vec<AttributedChange> {
    [
        set_workspace(AWAY.workspace, false),
        define_role("operator", &[], true),
        set_user(HOME.user, false),
        set_user(AWAY.guest, false),
        set_tenant(HOME.tenant, AWAY.workspace),
        set_connection(HOME.connection, AWAY.tenant, false),
        grant(HOME.guest, AWAY.workspace, None, "viewer"),
        remove_user(AWAY.user),
        set_gate(HOME.workspace, None, false),
    ]
    .map(Into::into)
    .into()
}

#[test]
fn a_key_of_another_type_refuses_a_whole_batch_by_its_name() {
    Site::lend(async |site: Arc<Site>| {
        let ports = ports(&site.open().await);
        Scene::home_and_away(&ports).await;
        let keys = site.keys().await;
        let mut raw = site.raw().await;
        for key in &keys {
            let whole: Vec<u8> = redis::cmd("DUMP")
                .arg(key)
                .query_async(&mut raw)
                .await
                .unwrap();
            site.command(&["SET", key, "of another type"]).await;
            let before = site.dump().await;
            let error = ports.authority.apply(&changes()).await.expect_err(key);
            assert_eq!(error.kind(), PortErrorKind::Corrupt, "{key}: {error}");
            assert!(error.to_string().contains(key.as_str()), "{key}: {error}");
            assert_eq!(site.dump().await, before, "{key}: nothing was changed");
            let mended: redis::RedisResult<()> = redis::cmd("RESTORE")
                .arg((key, 0, whole, "REPLACE"))
                .query_async(&mut raw)
                .await;
            mended.unwrap();
        }
        assert!(keys.len() > 15, "keys of every kind: {keys:?}");
        ports.authority.apply(&changes()).await.unwrap();
    });
}

#[test]
fn a_fact_that_does_not_read_refuses_the_changes_that_rest_on_it() {
    Site::lend(async |site: Arc<Site>| {
        let ports = ports(&site.open().await);
        Scene::home_and_away(&ports).await;
        let [home, scope] = ["slice", "scope"].map(|name| site.tagged("home", name));
        let damages = [
            [&home, "grants:ada\nhearth", "operator"],
            [&home, "revision", "1-0"],
            [&scope, "nonce", "short"],
            [&scope, "counter", "-1"],
            [&site.directory("tenants"), "hearth", "active"],
            [&site.directory("connections"), "line", "x\thearth"],
            [&site.directory("role:operator"), "home", "several"],
        ];
        let mut all = changes();
        all.push(remove_user(HOME.user).into());
        let mut raw = site.raw().await;
        for [key, field, fact] in damages {
            let whole: Vec<u8> = redis::cmd("DUMP")
                .arg(key)
                .query_async(&mut raw)
                .await
                .unwrap();
            site.command(&["HSET", key, field, fact]).await;
            let before = site.dump().await;
            let error = ports.authority.apply(&all).await.unwrap_err();
            assert_eq!(
                error.kind(),
                PortErrorKind::Corrupt,
                "{key} {field}: {error}"
            );
            assert!(error.to_string().contains("home") || error.to_string().contains(key));
            assert_eq!(site.dump().await, before, "{key} {field}");
            let mended: redis::RedisResult<()> = redis::cmd("RESTORE")
                .arg((key, 0, whole, "REPLACE"))
                .query_async(&mut raw)
                .await;
            mended.unwrap();
        }
        ports.authority.apply(&all).await.unwrap();
    });
}
