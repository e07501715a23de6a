//! `REPLACE` deletes rows and tells no delete trigger: the file refuses every way of getting rid of a
//! record by writing over it, and of passing one off as another.

use countersign_domain::{AttributedChange, Submission};
use countersign_ports::{AuthorityStore, RunRepository};
use countersign_sqlite::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

const ANOTHER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// A store with some authority and two queued runs, one of them with a unique key, and a second door
/// to its file.
struct Scene {
    _dir: tempfile::TempDir,
    raw: SqlitePool,
}

impl Scene {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("replace.db");
        let store = SqliteStore::create(&path).await.unwrap();
        let changes = [
            r#"{"change":"set_workspace","workspace":"w","active":true}"#,
            r#"{"change":"set_workspace","workspace":"w","active":false}"#,
        ]
        .map(|line| AttributedChange::parse(line).unwrap());
        store.authority().apply(&changes).await.unwrap();
        let runs = [
            r#"{"workspace":"w","tenant":"t","user":"u","type":"op","unique":"key"}"#,
            r#"{"workspace":"w","tenant":"t","user":"u","type":"op"}"#,
        ]
        .map(|line| Submission::parse(line).unwrap());
        store.runs().submit(&runs).await.unwrap();
        let options = SqliteConnectOptions::new().filename(&path);
        let raw = SqlitePool::connect_with(options).await.unwrap();
        Self { _dir: dir, raw }
    }

    /// Everything that must not change.
    async fn dump(&self) -> Vec<String> {
        let mut dump = Vec::new();
        for sql in [
            "SELECT seq || id || workspace_id || ifnull(initiator, '-') || authority_mode || context || chain_id \
             || attempt || status || ifnull(unique_key, '-') FROM runs ORDER BY seq",
            "SELECT workspace_id || counter || nonce FROM scopes",
            "SELECT seq || at || ifnull(actor, '-') || change || raised FROM authority_log",
        ] {
            let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(&self.raw).await.unwrap();
            dump.push(format!("{} rows", rows.len()));
            dump.extend(rows);
        }
        dump
    }

    /// Whether it is an error or does nothing: what was there is there.
    async fn assert_harmless(&self, sql: &str) {
        let before = self.dump().await;
        let _refused = sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&self.raw)
            .await;
        assert_eq!(self.dump().await, before, "{sql}");
    }
}

/// A row for a run of the system, with these columns in front.
fn insert(columns: &str, values: &str) -> String {
    format!(
        "INSERT OR REPLACE INTO runs ({columns}, workspace_id, tenant_id, authority_mode,
         operation_type, status, outcome, context, priority, chain_id, attempt, queue_name, queued_at,
         due_at)
         VALUES ({values}, 'w', 't', 'system', 'op', 'queued', 'pending', '{{}}', 0, '{ANOTHER}', 1,
         'default', 1, 1)"
    )
}

#[tokio::test]
async fn g5_a_run_is_not_written_over_by_one_with_its_id_its_place_or_its_unique_key() {
    let scene = Scene::new().await;
    let id = "(SELECT id FROM runs WHERE seq = 1)";
    scene.assert_harmless(&insert("id", id)).await;
    scene
        .assert_harmless(&insert("seq, id", &format!("1, '{ANOTHER}'")))
        .await;
    scene
        .assert_harmless(&insert("id, unique_key", &format!("'{ANOTHER}', 'key'")))
        .await;
}

#[tokio::test]
async fn g5_a_successor_is_not_written_over_by_another_of_the_same_run() {
    let scene = Scene::new().await;
    let of_first = "(SELECT id FROM runs WHERE seq = 1)";
    let first = insert("id, retry_of", &format!("'{ANOTHER}', {of_first}"));
    sqlx::query(sqlx::AssertSqlSafe(first))
        .execute(&scene.raw)
        .await
        .unwrap();
    let second = "01890a5d-ac96-774b-bcce-b302099a8058";
    scene
        .assert_harmless(&insert("id, retry_of", &format!("'{second}', {of_first}")))
        .await;
}

#[tokio::test]
async fn g5_a_run_is_not_written_over_by_an_update_of_another() {
    let scene = Scene::new().await;
    for change in ["id = (SELECT id FROM runs WHERE seq = 2)", "seq = 2"] {
        scene
            .assert_harmless(&format!(
                "UPDATE OR REPLACE runs SET {change} WHERE seq = 1"
            ))
            .await;
    }
    scene
        .assert_harmless("UPDATE OR REPLACE runs SET unique_key = 'key' WHERE seq = 2")
        .await;
}

#[tokio::test]
async fn g8_what_a_run_is_and_whom_it_is_for_never_changes() {
    let scene = Scene::new().await;
    for change in [
        "id = '01890a5d-ac96-774b-bcce-b302099a8057'".to_owned(),
        "seq = 7".to_owned(),
        "workspace_id = 'x'".to_owned(),
        "tenant_id = 'x'".to_owned(),
        "initiator = 'root'".to_owned(),
        "initiator = NULL".to_owned(),
        "initiator = NULL, authority_mode = 'system'".to_owned(),
        "operation_type = 'x'".to_owned(),
        "provider_connection_id = 'x'".to_owned(),
        r#"context = '{"x":1}'"#.to_owned(),
        "unique_key = NULL".to_owned(),
        format!("chain_id = '{ANOTHER}'"),
        "attempt = 7".to_owned(),
        format!("retry_of = '{ANOTHER}'"),
    ] {
        let sql = format!("UPDATE runs SET {change} WHERE seq = 1");
        let refused = sqlx::query(sqlx::AssertSqlSafe(sql.as_str()))
            .execute(&scene.raw)
            .await;
        assert!(refused.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn g2_a_revision_is_not_written_over() {
    let scene = Scene::new().await;
    for counter in [1, 2, 1000] {
        scene
            .assert_harmless(&format!(
                "INSERT OR REPLACE INTO scopes VALUES ('w', {counter}, '00000000000000000000000000000001')"
            ))
            .await;
    }
    scene
        .assert_harmless("UPDATE scopes SET workspace_id = 'x'")
        .await;
}

#[tokio::test]
async fn the_log_is_not_written_over() {
    let scene = Scene::new().await;
    scene
        .assert_harmless("INSERT OR REPLACE INTO authority_log VALUES (1, 1, 'nobody', '{}', '[]')")
        .await;
    scene
        .assert_harmless("UPDATE OR REPLACE authority_log SET seq = 2 WHERE seq = 1")
        .await;
}
