//! What changes leave behind: nothing that was taken back, no number twice, and no limit to a batch.

use std::sync::Arc;

use countersign_conformance::change::{
    define_role, grant, remove_user, revoke, set_connection, set_tenant, set_user, set_workspace,
};
use countersign_conformance::scene::{HOME, Scene};
use countersign_domain::AttributedChange;
use countersign_ports::LogQuery;

use crate::support::{Site, ports};

/// The fields of a hash.
async fn fields(site: &Site, key: &str) -> Vec<String> {
    let mut raw = site.raw().await;
    let mut fields: Vec<String> = redis::cmd("HKEYS")
        .arg(key)
        .query_async(&mut raw)
        .await
        .unwrap();
    fields.sort_unstable();
    fields
}

#[test]
fn what_was_copied_for_a_grant_goes_with_the_last_one() {
    Site::lend(async |site: Arc<Site>| {
        let scene = Scene::bare(&ports(&site.open().await));
        let slice = site.tagged("w", "slice");
        let grants = [
            grant("u", "w", None, "r"),
            grant("u", "w", "t", "r"),
            grant("u", "w", "t", "r"),
            grant("u", "w", "t", "s"),
            grant("v", "w", "t", "s"),
        ];
        scene
            .apply(&[define_role("r", &["a"], true), define_role("s", &[], false)])
            .await;
        scene.apply(&grants).await;
        let copied = ["role:r", "role:s", "user:u", "user:v"].map(str::to_owned);
        let kept = fields(&site, &slice).await;
        assert!(copied.iter().all(|one| kept.contains(one)), "{kept:?}");

        scene
            .apply(&[revoke("u", "w", None, "r"), revoke("u", "w", "t", "s")])
            .await;
        scene
            .apply(&[revoke("u", "w", "t", "s"), revoke("v", "w", "t", "r")])
            .await;
        let kept = fields(&site, &slice).await;
        assert!(copied.iter().all(|one| kept.contains(one)), "{kept:?}");

        scene
            .apply(&[revoke("u", "w", "t", "r"), remove_user("v")])
            .await;
        assert_eq!(fields(&site, &slice).await, ["revision"]);
        for key in ["user:u", "user:v", "role:r", "role:s"] {
            assert_eq!(fields(&site, &site.directory(key)).await, [""; 0], "{key}");
        }
        assert_eq!(fields(&site, &site.directory("users")).await, ["u"]);
    });
}

#[test]
fn the_connections_of_a_tenant_move_with_it() {
    Site::lend(async |site: Arc<Site>| {
        let scene = Scene::bare(&ports(&site.open().await));
        scene
            .apply(&[
                set_connection("early", "t", true),
                set_tenant("t", "w"),
                set_connection("late", "t", false),
                set_connection("gone", "t", true),
                set_connection("gone", "elsewhere", true),
                set_tenant("t", "x"),
            ])
            .await;
        assert_eq!(
            fields(&site, &site.tagged("w", "slice")).await,
            ["revision"]
        );
        assert_eq!(
            fields(&site, &site.tagged("x", "slice")).await,
            [
                "connection:early",
                "connection:late",
                "revision",
                "tenant:t"
            ]
        );
    });
}

#[test]
fn the_numbers_of_a_log_that_was_cut_are_not_given_again() {
    Site::lend(async |site: Arc<Site>| {
        let ports = ports(&site.open().await);
        let scene = Scene::bare(&ports);
        scene
            .apply(&[set_workspace("w", true), set_workspace("x", true)])
            .await;
        site.command(&["XTRIM", &site.directory("log"), "MAXLEN", "0"])
            .await;
        scene.apply(&[set_workspace("w", false)]).await;
        for workspace_id in [None, Some("w".parse().unwrap())] {
            let query = LogQuery {
                workspace_id,
                before: None,
                limit: 10,
            };
            let entries = ports.authority.log(&query).await.unwrap();
            assert_eq!(
                entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
                [3]
            );
        }
    });
}

/// More than one command of the server's takes, in one key and over all.
#[test]
fn a_large_file_of_changes_is_applied_at_once() {
    Site::lend(async |site: Arc<Site>| {
        let scene = Scene::home(&ports(&site.open().await)).await;
        let changes: Vec<_> = (0..9_000)
            .map(|n| match n % 3 {
                0 => set_user(&format!("user {n}"), true),
                1 => grant(
                    &format!("user {n}"),
                    HOME.workspace,
                    HOME.tenant,
                    "operator",
                ),
                _ => set_workspace(&format!("workspace {n}"), true),
            })
            .collect();
        let applied = scene.apply(&changes).await;
        assert_eq!(applied.changes, 9_000);
        assert_eq!(applied.raised.len(), 3_001);
        let removed: Vec<_> = (0..9_000)
            .map(|n| remove_user(&format!("user {n}")))
            .collect();
        scene.apply(&removed).await;
        assert_eq!(
            scene
                .apply(&[define_role("operator", &[], true)])
                .await
                .raised
                .len(),
            1
        );
        assert!(
            scene
                .apply(&[set_user("user 1", true)])
                .await
                .raised
                .is_empty()
        );
    });
}

#[test]
fn an_empty_batch_changes_nothing() {
    Site::lend(async |site: Arc<Site>| {
        let ports = ports(&site.open().await);
        Scene::home(&ports).await;
        let before = site.dump().await;
        let none: [AttributedChange; 0] = [];
        let applied = ports.authority.apply(&none).await.unwrap();
        assert_eq!((applied.changes, applied.raised.len()), (0, 0));
        assert_eq!(site.dump().await, before);
    });
}
