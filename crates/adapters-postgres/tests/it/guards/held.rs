//! What a run holds, and what it came to: kept to the end, and kept after it.

use countersign_conformance::scene::{AWAY, Came, HOME, failed, note};
use countersign_domain::Submission;
use countersign_ports::{LookedUp, Work};

use super::{guarded, set};

#[test]
fn g3_what_became_of_a_run_is_not_deleted_without_it() {
    guarded(async |store| {
        let run = store.scene.succeeded(HOME.sync()).await.key;
        store
            .refused(&format!("DELETE FROM run_states WHERE id = '{}'", run.id))
            .await;
    });
}

#[test]
fn g3_a_completed_run_never_changes_in_anything() {
    guarded(async |store| {
        let running = store.scene.running().await;
        store.scene.complete(&running, Work::Succeeded).await;
        store.refused(&set(&running.key, "result = '{}'")).await;
        let running = store.scene.running().await;
        store.scene.complete(&running, failed()).await;
        store
            .refused(&set(
                &running.key,
                "failure_code = 'timeout', failure_message = 'x'",
            ))
            .await;
    });
}

#[test]
fn g3_a_lease_is_not_replaced_while_the_run_runs() {
    guarded(async |store| {
        let running = store.scene.running().await;
        store
            .refused(&set(&running.key, "lease_id = gen_random_uuid()"))
            .await;
    });
}

#[test]
fn g7_a_cancel_flag_is_not_taken_back() {
    guarded(async |store| {
        let running = store.scene.running().await;
        store.scene.cancel(&running.key, note("me", "why")).await;
        store.refused(&set(&running.key, "cancel_by = NULL")).await;
    });
}

#[test]
fn g8_a_unique_key_is_not_given_up_before_the_end() {
    guarded(async |store| {
        let submission = Submission {
            unique_key: Some("nightly".parse().unwrap()),
            ..HOME.sync()
        };
        let run = store.scene.submit(submission).await;
        store.refused(&set(&run, "unique_hold = NULL")).await;
    });
}

#[test]
fn the_log_of_a_scope_is_only_appended_to() {
    guarded(async |store| {
        for statement in [
            "DELETE FROM authority_log_scopes",
            "UPDATE authority_log_scopes SET workspace_id = 'x' || workspace_id",
            "TRUNCATE authority_log_scopes",
        ] {
            store.refused(statement).await;
        }
    });
}

#[test]
fn g6_a_marker_that_goes_between_judgement_and_start_starts_nothing() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.sync()).await;
        let start = store.scene.judge(&run).await;
        store.execute("DELETE FROM store").await;
        assert_eq!(store.scene.begin_one(&start).await, Came::Moved);
    });
}

#[test]
fn g6_a_malformed_scope_fails_none_but_its_own() {
    guarded(async |store| {
        let home = store.scene.submit(HOME.sync()).await;
        let away = store.scene.submit(AWAY.sync()).await;
        let starts = store.scene.judge_all(&[home, away]).await;
        store
            .execute("ALTER TABLE scopes DROP CONSTRAINT scopes_counter_check")
            .await;
        let damage = "UPDATE scopes SET counter = -1 WHERE workspace_id = 'home'";
        store.without_triggers("scopes", damage).await;
        assert_eq!(
            store.scene.begin(&starts).await,
            [Came::Moved, Came::Started]
        );
        let authority = &store.scene.ports.authority;
        let found = authority.look_up(&[HOME.query(), AWAY.query()]).await;
        let found = found.unwrap();
        assert!(matches!(found[0], LookedUp::Undecided(_)), "{found:?}");
        assert!(matches!(found[1], LookedUp::Found(_)), "{found:?}");
    });
}
