//! G8: no run sees what is another run's.

use countersign_conformance::scene::{Came, HOME};

use super::raw_run::{ask, fresh_key, state};
use super::rulings::{Verdict, allowed_by, denied_by};
use super::{BLOCK, START, guarded, set};

const RULED: &str = "run_states_have_their_decision";

/// Of each value that is asked for, others than `restore` asks for.
const ELSEWHERE: [(&str, &str); 11] = [
    ("{target_scope,workspace_id}", r#""away""#),
    ("{target_scope,workspace_id}", "null"),
    ("{target_scope,tenant_id}", r#""tent""#),
    ("{target_scope,tenant_id}", "null"),
    ("{target_scope,provider_connection_id}", r#""radio""#),
    ("{target_scope,provider_connection_id}", "null"),
    ("{initiator}", r#""eve""#),
    ("{initiator}", "null"),
    ("{authority_mode}", r#""system""#),
    ("{authority_mode}", "null"),
    ("{operation_type}", r#""report""#),
];

#[test]
fn g8_a_run_is_not_started_by_what_was_ruled_on_something_else() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.restore()).await;
        for (path, value) in ELSEWHERE {
            let allow = store.rule_on(&run, Verdict::Allow, path, value).await;
            let columns = format!("{START}, {}", allowed_by(allow));
            store.refuses_for("G4", &set(&run, &columns), RULED).await;
        }
        let allow = store.rule(&run, Verdict::Allow).await;
        let columns = format!("{START}, {}", allowed_by(allow));
        assert_eq!(store.execute(&set(&run, &columns)).await, 1);
    });
}

#[test]
fn g8_a_run_is_not_blocked_by_what_was_ruled_on_something_else() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.restore()).await;
        for (path, value) in ELSEWHERE {
            let deny = store.rule_on(&run, Verdict::Deny, path, value).await;
            let columns = format!("{BLOCK}, {}", denied_by(deny));
            store.refuses_for("G4", &set(&run, &columns), RULED).await;
        }
        let deny = store.rule(&run, Verdict::Deny).await;
        let columns = format!("{BLOCK}, {}", denied_by(deny));
        assert_eq!(store.execute(&set(&run, &columns)).await, 1);
    });
}

#[test]
fn g8_what_was_ruled_for_somebody_is_not_the_systems() {
    guarded(async |store| {
        let run = store.scene.submit(HOME.system()).await;
        for (path, value) in [
            ("{initiator}", r#""ada""#),
            ("{authority_mode}", r#""actor_bound""#),
            ("{target_scope,provider_connection_id}", r#""line""#),
        ] {
            let allow = store.rule_on(&run, Verdict::Allow, path, value).await;
            let columns = format!("{START}, {}", allowed_by(allow));
            store.refuses_for("G4", &set(&run, &columns), RULED).await;
        }
        assert_eq!(store.scene.try_start(&run).await, Came::Started);
    });
}

#[test]
fn g8_what_a_run_is_and_whom_it_is_for_never_changes() {
    guarded(async |store| {
        let run = store.scene.succeeded(HOME.restore()).await.key;
        for columns in [
            "workspace_id = 'away'",
            "tenant_id = 'tent'",
            "initiator = 'eve'",
            "initiator = NULL",
            "initiator = NULL, authority_mode = 'system'",
            "operation_type = 'report'",
            "provider_connection_id = NULL",
            "context = '{}'",
            "unique_key = 'k'",
            "chain_id = gen_random_uuid()",
            "attempt = attempt + 1",
            "retry_of = id",
            "id = gen_random_uuid()",
            "priority = priority",
        ] {
            let sql = format!("UPDATE runs SET {columns} WHERE id = '{}'", run.id);
            store
                .refuses_for("G8", &sql, "runs_stay_what_they_are")
                .await;
        }
        let guard = "run_states_move_forward";
        let sql = set(&run, "workspace_id = 'away'");
        store.refuses_for("G3", &sql, guard).await;
    });
}

#[test]
fn g8_a_unique_key_is_held_by_one_run() {
    guarded(async |store| {
        let (first, second) = (store.asked().await, store.asked().await);
        let held = [("unique_hold", "'home'")];
        store.execute(&state(&first, &held)).await;
        store
            .refuses(&state(&second, &held), "run_states_unique_key")
            .await;
    });
}

#[test]
fn g8_a_run_of_the_systems_is_nobodys() {
    guarded(async |store| {
        let system = ("authority_mode", "'system'");
        let sql = ask(&fresh_key(), &[system]);
        store.refuses(&sql, "system_has_no_initiator").await;
        let sql = ask(&fresh_key(), &[system, ("initiator", "NULL")]);
        store.execute(&sql).await;
        for mode in ["'root'", "''", "'System'"] {
            let sql = ask(&fresh_key(), &[("authority_mode", mode)]);
            store.refuses(&sql, "22P02").await;
        }
    });
}
