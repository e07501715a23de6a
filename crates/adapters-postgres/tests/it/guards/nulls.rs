//! No guard is dodged by null.

use std::collections::BTreeSet;

use countersign_conformance::scene::{Came, HOME};
use countersign_postgres::sqlx::{self, AssertSqlSafe};

use super::{CANCEL, Guarded, guarded, set};

/// Which columns may be null at all. A column that is not here is tried.
const NULLABLE: [(&str, &[&str]); 6] = [
    ("store", &[]),
    ("scopes", &[]),
    (
        "runs",
        &[
            "initiator",
            "provider_connection_id",
            "unique_key",
            "retry_of",
            "requested_by",
        ],
    ),
    (
        "run_states",
        &[
            "allowed",
            "ruling",
            "decision_id",
            "lease_id",
            "started_at",
            "lease_expires_at",
            "completed_at",
            "put_off_until",
            "undecided_since",
            "barred",
            "failure_code",
            "reason_code",
            "unique_hold",
            "cancel_by",
            "cancel_reason",
            "failure_message",
            "continuity",
            "result",
            "output",
        ],
    ),
    ("authority_log", &["actor"]),
    ("queue", &[]),
];

/// What a null of these takes away is a word about a run: neither start nor decision nor outcome.
const SAID: [&str; 9] = [
    "barred",
    "cancel_reason",
    "continuity",
    "failure_message",
    "output",
    "put_off_until",
    "result",
    "undecided_since",
    "unique_hold",
];

impl Guarded {
    async fn columns(&self, table: &str) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT attname::text FROM pg_attribute
             WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )))
        .fetch_all(&self.raw)
        .await
        .unwrap()
    }
}

#[test]
fn a_column_that_a_guard_compares_is_never_null() {
    guarded(async |store| {
        store.scene.submit(HOME.sync()).await;
        for (table, nullable) in NULLABLE {
            for column in store.columns(table).await {
                let sql = format!(
                    r#"INSERT INTO {table} OVERRIDING SYSTEM VALUE
                       SELECT (jsonb_populate_record(known, '{{"{column}":null}}')).*
                       FROM {table} AS known LIMIT 1"#
                );
                let refusal = store.refused(&sql).await;
                // With a null that may be, it is a row that is there already.
                let guard = match nullable.contains(&column.as_str()) {
                    true => format!("{table}_pkey"),
                    false => column,
                };
                assert_eq!(refusal.by, guard, "{refusal:?} of {sql}");
            }
        }
    });
}

#[test]
fn what_became_of_a_run_is_not_taken_back_by_null() {
    guarded(async |store| {
        let running = store.scene.running().await.key;
        let done = store.scene.succeeded(HOME.sync()).await.key;
        let blocked = store.scene.submit(HOME.denied()).await;
        assert_eq!(store.scene.try_start(&blocked).await, Came::Blocked);
        let cancelled = store.scene.submit(HOME.sync()).await;
        store.execute(&set(&cancelled, CANCEL)).await;
        let failed = store.scene.submit(HOME.sync()).await;
        let columns = "status = 'completed', outcome = 'failed', completed_at = now(),
                       failure_code = 'authority_unavailable'";
        store.execute(&set(&failed, columns)).await;
        let mut guarded: BTreeSet<&str> = BTreeSet::from(SAID);
        for (run, column, guard) in [
            (&running, "started_at", "g4_a_decision_is_whole"),
            (&running, "lease_id", "running_has_a_lease"),
            (&running, "lease_expires_at", "running_has_a_lease"),
            (&running, "decision_id", "g4_a_decision_is_whole"),
            (&running, "ruling", "g4_a_decision_is_whole"),
            (&running, "allowed", "g4_a_decision_is_whole"),
            (&done, "started_at", "g1_work_has_started"),
            (&done, "completed_at", "completed_has_a_time"),
            (&done, "decision_id", "g4_a_decision_is_whole"),
            (&done, "ruling", "g4_a_decision_is_whole"),
            (&done, "allowed", "g4_a_decision_is_whole"),
            (&blocked, "completed_at", "completed_has_a_time"),
            (&blocked, "decision_id", "g4_a_decision_is_whole"),
            (&blocked, "ruling", "g4_a_decision_is_whole"),
            (&blocked, "allowed", "g1_blocked_never_started"),
            (&blocked, "reason_code", "g1_blocked_never_started"),
            (&cancelled, "cancel_by", "cancelled_says_who"),
            (&cancelled, "completed_at", "completed_has_a_time"),
            (&failed, "failure_code", "failed_says_why"),
            (&failed, "completed_at", "completed_has_a_time"),
        ] {
            store
                .refuses(&set(run, &format!("{column} = NULL")), guard)
                .await;
            guarded.insert(column);
        }
        let (_, nullable) = NULLABLE
            .into_iter()
            .find(|(table, _)| *table == "run_states")
            .unwrap();
        let nullable: BTreeSet<&str> = nullable.iter().copied().collect();
        assert_eq!(guarded, nullable, "each is tried or known to be harmless");
        for run in [running, done, blocked, cancelled, failed] {
            let before = store.scene.stands(&run).await;
            let columns = SAID.map(|column| format!("{column} = NULL")).join(", ");
            store.execute(&set(&run, &columns)).await;
            assert_eq!(store.scene.stands(&run).await, before);
        }
    });
}
