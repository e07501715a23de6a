//! G3: a run begins once, queued, under an id of its own.

use countersign_conformance::scene::HOME;

use super::raw_run::{ask, fresh_key, state};
use super::rulings::Verdict;
use super::{guarded, set};

#[test]
fn g3_a_run_begins_queued() {
    guarded(async |store| {
        let run = store.asked().await;
        let allow = store.rule(&run, Verdict::Allow).await.to_string();
        let deny = store.rule(&run, Verdict::Deny).await.to_string();
        let started: &[(&str, &str)] = &[
            ("status", "'running'"),
            ("started_at", "now()"),
            ("lease_id", "gen_random_uuid()"),
            ("lease_expires_at", "now()"),
            ("decision_id", "gen_random_uuid()"),
            ("ruling", &allow),
            ("allowed", "true"),
        ];
        let blocked: &[(&str, &str)] = &[
            ("status", "'completed'"),
            ("outcome", "'blocked'"),
            ("completed_at", "now()"),
            ("decision_id", "gen_random_uuid()"),
            ("ruling", &deny),
            ("allowed", "false"),
            ("reason_code", "'missing_capability'"),
        ];
        let succeeded: &[(&str, &str)] = &[
            ("status", "'completed'"),
            ("outcome", "'succeeded'"),
            ("completed_at", "now()"),
            ("started_at", "now()"),
            ("decision_id", "gen_random_uuid()"),
            ("ruling", &allow),
            ("allowed", "true"),
        ];
        let cancelled: &[(&str, &str)] = &[
            ("status", "'completed'"),
            ("outcome", "'cancelled'"),
            ("completed_at", "now()"),
            ("cancel_by", "'somebody'"),
        ];
        for columns in [started, blocked, succeeded, cancelled] {
            let sql = state(&run, columns);
            store
                .refuses_for("G3", &sql, "run_states_begin_queued")
                .await;
        }
        store.execute(&state(&run, &[])).await;
    });
}

#[test]
fn g3_an_id_is_of_one_run() {
    guarded(async |store| {
        let run = store.scene.succeeded(HOME.sync()).await.key;
        store.refuses(&ask(&run, &[]), "runs_pkey").await;
        store.refuses(&state(&run, &[]), "run_states_pkey").await;
        let guard = "run_states_belong_to_runs";
        let alone = state(&fresh_key(), &[]);
        store.refuses_for("G8", &alone, guard).await;
        // Nor does it pass to another run, where it would begin again.
        let other = store.asked().await;
        let columns = format!("id = '{}'", other.id);
        let guard = "run_states_move_forward";
        store.refuses_for("G3", &set(&run, &columns), guard).await;
    });
}

#[test]
fn g3_a_run_has_one_successor() {
    guarded(async |store| {
        let run = store.scene.succeeded(HOME.sync()).await.key;
        let id = format!("'{}'", run.id);
        let columns = [("retry_of", id.as_str())];
        store.execute(&ask(&fresh_key(), &columns)).await;
        store
            .refuses(&ask(&fresh_key(), &columns), "runs_one_successor")
            .await;
        let columns = [("attempt", "0")];
        store
            .refuses(&ask(&fresh_key(), &columns), "runs_attempt_check")
            .await;
    });
}
