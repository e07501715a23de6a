//! G2: the records that starts are fenced with only move forward.

use countersign_conformance::change::{revoke, set_gate};
use countersign_conformance::scene::{Came, HOME};

use super::guarded;

const FORWARD: &str = "counter = counter + 1, nonce = gen_random_uuid()";

#[test]
fn g2_a_scope_record_is_never_deleted() {
    guarded(async |store| {
        for sql in [
            "DELETE FROM scopes",
            "DELETE FROM scopes WHERE workspace_id = 'home'",
        ] {
            let guard = "scopes_are_never_deleted";
            store.refuses_for("G2", sql, guard).await;
        }
        for sql in ["TRUNCATE scopes", "TRUNCATE scopes CASCADE"] {
            let guard = "scopes_are_never_emptied";
            store.refuses_for("G2", sql, guard).await;
        }
    });
}

#[test]
fn g2_a_revision_only_moves_forward_with_a_nonce_of_its_own() {
    guarded(async |store| {
        for columns in [
            "counter = counter, nonce = gen_random_uuid()",
            "counter = counter - 1, nonce = gen_random_uuid()",
            "counter = counter + 1",
            "counter = counter + 1, nonce = nonce",
            "counter = counter, nonce = nonce",
        ] {
            let sql = format!("UPDATE scopes SET {columns}");
            store.refuses_for("G2", &sql, "scopes_never_repeat").await;
        }
        store.execute(&format!("UPDATE scopes SET {FORWARD}")).await;
    });
}

#[test]
fn g2_a_scope_record_stays_with_its_workspace() {
    guarded(async |store| {
        let sql = format!(
            "UPDATE scopes SET workspace_id = 'elsewhere', {FORWARD} WHERE workspace_id = 'home'"
        );
        store.refuses_for("G2", &sql, "scopes_never_repeat").await;
    });
}

#[test]
fn g2_an_upsert_is_held_like_an_update() {
    guarded(async |store| {
        let sql = "INSERT INTO scopes SELECT * FROM scopes
                   ON CONFLICT (workspace_id) DO UPDATE SET nonce = gen_random_uuid()";
        store.refuses_for("G2", sql, "scopes_never_repeat").await;
    });
}

#[test]
fn g2_a_workspace_has_one_whole_scope_record() {
    guarded(async |store| {
        for (values, guard) in [
            ("'home', 7, gen_random_uuid()", "scopes_pkey"),
            ("'new', 0, gen_random_uuid()", "scopes_counter_check"),
            ("'new', -1, gen_random_uuid()", "scopes_counter_check"),
            ("'new', NULL, gen_random_uuid()", "counter"),
            ("'new', 1, NULL", "nonce"),
            ("NULL, 1, gen_random_uuid()", "workspace_id"),
        ] {
            let sql = format!("INSERT INTO scopes VALUES ({values})");
            store.refuses(&sql, guard).await;
        }
        for (columns, guard) in [
            ("counter = NULL, nonce = gen_random_uuid()", "counter"),
            ("counter = counter + 1, nonce = NULL", "nonce"),
        ] {
            let sql = format!("UPDATE scopes SET {columns}");
            store.refuses(&sql, guard).await;
        }
    });
}

#[test]
fn g2_a_scope_record_that_was_lost_starts_nothing_and_is_made_anew() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        let start = store.scene.judge(&run).await;
        store
            .without_triggers("scopes", "DELETE FROM scopes WHERE workspace_id = 'home'")
            .await;
        assert_eq!(store.scene.begin_one(&start).await, Came::Moved);
        assert_eq!(store.scene.load(&run).await.started_at, None);
        // Looked up again, it is another revision: what was judged before stays judged before.
        let anew = store.scene.judge(&run).await;
        assert_eq!(store.scene.begin_one(&start).await, Came::Moved);
        assert_eq!(store.scene.begin_one(&anew).await, Came::Started);
    });
}

#[test]
fn g2_a_counter_that_comes_again_comes_with_another_nonce() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        let counter: i64 = store
            .value("SELECT counter FROM scopes WHERE workspace_id = 'home'")
            .await;
        let start = store.scene.judge(&run).await;
        // A store that was put back to before the judgement, and changed again since.
        let back = format!("UPDATE scopes SET counter = {counter} - 1 WHERE workspace_id = 'home'");
        store.without_triggers("scopes", &back).await;
        store.scene.apply(&[set_gate("home", None, false)]).await;
        let again: i64 = store
            .value("SELECT counter FROM scopes WHERE workspace_id = 'home'")
            .await;
        assert_eq!(again, counter);
        assert_eq!(store.scene.begin_one(&start).await, Came::Moved);
    });
}

#[test]
fn g2_a_fact_is_kept_once_with_and_without_a_tenant() {
    guarded(async |store| {
        for (table, columns, index) in [
            (
                "grants",
                "user_id, workspace_id, tenant_id, role",
                "grants_once",
            ),
            (
                "prerequisites",
                "workspace_id, tenant_id, name, met",
                "prerequisites_once",
            ),
        ] {
            let sql = format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}");
            store.refuses(&sql, index).await;
        }
        store.scene.apply(&[set_gate("home", None, false)]).await;
        // A gate that is told twice would be open and closed.
        let sql = "INSERT INTO write_gates (workspace_id, open) VALUES ('home', true)";
        store.refuses(sql, "write_gates_once").await;
        // Each is there once, so that what is revoked is gone.
        let run = store.scene.submit(HOME.sync()).await;
        let revoked = revoke(HOME.user, HOME.workspace, HOME.tenant, "operator");
        store.scene.apply(&[revoked]).await;
        assert_eq!(store.scene.try_start(&run).await, Came::Blocked);
    });
}
