//! Preparing stores, and what `doctor` finds.

use std::sync::Arc;

use countersign_conformance::scene::{HOME, Scene};
use countersign_ports::{
    Finding, Migrated, Movement, PortErrorKind, RunRepository, Severity, Side, Step, Stepped,
    StoreMaintenance, StoreMove, fresh_move_id, fresh_store_id,
};
use countersign_redis::{RedisMaintenance, RedisStore};

use crate::support::{Site, ports};

#[test]
fn a_store_is_marked_once() {
    Site::lend(async |site: Arc<Site>| {
        let maintenance = RedisMaintenance::at(&site.url());
        let first = site.open().await.runs().store().id;
        let again = maintenance.migrate().await.unwrap();
        assert_eq!(
            again,
            Migrated {
                from: Some(1),
                to: 1
            }
        );
        assert_eq!(site.open().await.runs().store().id, first);
        assert_eq!(maintenance.pending().await.unwrap(), []);
    });
}

#[test]
fn a_database_without_a_store_is_refused_until_it_is_prepared() {
    Site::lend(async |site: Arc<Site>| {
        site.command(&["DEL", &site.directory("store")]).await;
        let maintenance = RedisMaintenance::at(&site.url());
        for error in [
            RedisStore::open(&site.url()).await.unwrap_err(),
            maintenance.doctor().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), PortErrorKind::NotMigrated);
        }
        assert_eq!(maintenance.pending().await.unwrap().len(), 1);
        assert_eq!(maintenance.migrate().await.unwrap().from, None);
        site.open().await;
    });
}

#[test]
fn a_newer_store_is_refused_and_left_alone() {
    Site::lend(async |site: Arc<Site>| {
        let marker = site.directory("store");
        site.command(&["HSET", &marker, "version", "99"]).await;
        let before = site.dump().await;
        let maintenance = RedisMaintenance::at(&site.url());
        for error in [
            RedisStore::open(&site.url()).await.unwrap_err(),
            maintenance.migrate().await.unwrap_err(),
            maintenance.pending().await.unwrap_err(),
            maintenance.doctor().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), PortErrorKind::NewerSchema);
        }
        assert_eq!(site.dump().await, before);
    });
}

#[test]
fn a_marker_that_is_not_whole_is_named() {
    Site::lend(async |site: Arc<Site>| {
        let marker = site.directory("store");
        site.command(&["HDEL", &marker, "version"]).await;
        let maintenance = RedisMaintenance::at(&site.url());
        for error in [
            RedisStore::open(&site.url()).await.unwrap_err(),
            maintenance.migrate().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), PortErrorKind::Corrupt);
            assert!(error.to_string().contains(&marker), "{error}");
        }
    });
}

async fn finding(site: &Site, code: &str) -> Finding {
    let findings = RedisMaintenance::at(&site.url()).doctor().await.unwrap();
    let found = findings.into_iter().find(|finding| finding.code == code);
    found.expect(code)
}

#[test]
fn a_store_that_a_move_has_closed_is_told_of_and_one_whose_marker_was_changed_by_hand() {
    Site::lend(async |site: Arc<Site>| {
        let home = site.open().await.home();
        let side = |store| Side {
            store,
            address: "redis://there".to_owned(),
        };
        let movement = Movement {
            id: fresh_move_id(),
            from: side(home.store().id),
            to: side(fresh_store_id()),
        };
        let codes = async || {
            let findings = RedisMaintenance::at(&site.url()).doctor().await.unwrap();
            findings
                .into_iter()
                .map(|finding| finding.code)
                .collect::<Vec<_>>()
        };
        assert!(!codes().await.contains(&"home"));
        let stepped = home.step(&Step::Seal(movement)).await.unwrap();
        assert!(matches!(stepped, Stepped::Stands(_)));
        let found = finding(&site, "home").await;
        assert_eq!(found.severity, Severity::Warning);
        assert!(found.found.contains("`redis://there`"), "{}", found.found);
        site.command(&["HDEL", &site.directory("store"), "sealed"])
            .await;
        let found = finding(&site, "home").await;
        assert_eq!(
            (found.severity, found.endangers),
            (Severity::Error, &["G2", "G3"][..])
        );
    });
}

/// The test server keeps nothing on disk, and says so.
#[test]
fn a_server_that_keeps_nothing_is_found_out() {
    Site::lend(async |site: Arc<Site>| {
        let found = finding(&site, "appendonly").await;
        assert_eq!(found.severity, Severity::Error);
        assert!(found.endangers.contains(&"G2"));
        assert!(found.mend.contains("appendonly yes"));
        for code in ["version", "store_class", "cluster", "maxmemory_policy"] {
            let found = finding(&site, code).await;
            assert_eq!(found.severity, Severity::Note, "{found:?}");
        }
    });
}

#[test]
fn scopes_that_were_damaged_are_found_out() {
    Site::lend(async |site: Arc<Site>| {
        Scene::home_and_away(&ports(&site.open().await)).await;
        let whole = finding(&site, "scopes").await;
        assert_eq!(whole.severity, Severity::Note, "{whole:?}");
        let scope = site.tagged(HOME.workspace, "scope");
        let saved = site.dump().await.get(&scope).cloned();
        for damage in [
            ["DEL", scope.as_str()].as_slice(),
            &["HSET", &scope, "nonce", "another"],
            &["SET", &scope, "something else"],
        ] {
            site.command(damage).await;
            let found = finding(&site, "scopes").await;
            assert_eq!(found.severity, Severity::Error, "{damage:?}: {found:?}");
            assert!(found.found.contains(HOME.workspace), "{found:?}");
            site.restore(&scope, saved.clone()).await;
        }
    });
}
