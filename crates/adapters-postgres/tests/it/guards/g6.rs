//! G6: undecided is not denied.

use std::slice::from_ref;

use countersign_conformance::scene::{Came, HOME};
use countersign_domain::RunStatus;
use countersign_ports::{LookedUp, PortErrorKind, UndecidedCause};
use countersign_postgres::PostgresStore;

use super::raw_run::state;
use super::{Guarded, guarded, set};
use crate::support::Site;

#[test]
fn g6_only_unreadable_authority_fails_a_run_that_never_started() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        let failed = "status = 'completed', outcome = 'failed', completed_at = now()";
        for code in ["handler_failed", "timeout", "panicked", "worker_lost"] {
            let columns = format!("{failed}, failure_code = '{code}'");
            let guard = "g6_only_unreadable_authority_fails_unstarted";
            store.refuses(&set(&run, &columns), guard).await;
        }
        store.refuses(&set(&run, failed), "failed_says_why").await;
        let columns = format!("{failed}, failure_code = 'authority_unavailable'");
        assert_eq!(store.execute(&set(&run, &columns)).await, 1);
    });
}

#[test]
fn g6_a_failure_says_why() {
    guarded(async |store| {
        let run = store.scene.running().await.key;
        let columns = "status = 'completed', outcome = 'failed', completed_at = now()";
        store.refuses(&set(&run, columns), "failed_says_why").await;
    });
}

#[test]
fn g6_no_run_begins_with_a_time_for_which_it_was_undecided() {
    guarded(async |store| {
        let run = store.asked().await;
        let sql = state(&run, &[("undecided_since", "'2000-01-01'")]);
        store
            .refuses_for("G3", &sql, "run_states_begin_queued")
            .await;
    });
}

/// The gate has no word on a queued run, and it stays queued.
async fn is_undecided(store: &Guarded) {
    let run = store.scene.submit(HOME.sync()).await;
    let authority = &store.scene.ports.authority;
    let query = store.scene.context(&store.scene.load(&run).await).query();
    let found = authority.look_up(from_ref(&query)).await.unwrap();
    let missing = LookedUp::Undecided(UndecidedCause::MarkerMissing);
    assert_eq!(format!("{found:?}"), format!("[{missing:?}]"));
    let run = store.scene.load(&run).await;
    assert_eq!((run.status, run.started_at), (RunStatus::Queued, None));
}

#[test]
fn g6_a_store_without_its_marker_is_undecided_and_starts_nothing() {
    guarded(async |store| {
        let before = store.scene.submit(HOME.sync()).await;
        store.execute("DELETE FROM store").await;
        is_undecided(&store).await;
        assert_eq!(store.scene.load(&before).await.started_at, None);
    });
}

#[test]
fn g6_another_store_in_the_place_of_the_one_that_was_opened_is_undecided() {
    guarded(async |store| {
        store
            .execute("UPDATE store SET id = gen_random_uuid()")
            .await;
        is_undecided(&store).await;
    });
}

#[test]
fn g6_a_store_without_its_marker_is_not_opened() {
    Site::lend(async |site| {
        let raw = site.raw().await;
        let deleted = countersign_postgres::sqlx::query("DELETE FROM store");
        deleted.execute(&raw).await.unwrap();
        let opened = PostgresStore::open(&site.url()).await.unwrap_err();
        assert_eq!(opened.kind(), PortErrorKind::Corrupt);
    });
}

#[test]
fn g6_a_store_has_one_marker() {
    guarded(async |store| {
        for (values, guard) in [
            ("true, gen_random_uuid(), now()", "store_pkey"),
            ("false, gen_random_uuid(), now()", "store_one_check"),
            ("NULL, gen_random_uuid(), now()", "one"),
            ("true, NULL, now()", "id"),
        ] {
            let sql = format!("INSERT INTO store (one, id, created_at) VALUES ({values})");
            store.refuses(&sql, guard).await;
        }
        store
            .refuses("UPDATE store SET one = false", "store_one_check")
            .await;
        store.refuses("UPDATE store SET id = NULL", "id").await;
        let run = store.scene.submit(HOME.sync()).await;
        assert_eq!(store.scene.try_start(&run).await, Came::Started);
    });
}
