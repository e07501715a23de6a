//! A transaction that does not commit leaves nothing behind: neither in the file nor in the way of the
//! next one.

use std::time::Duration;

use countersign_domain::Submission;
use countersign_ports::{PortErrorKind, RunRepository};
use countersign_sqlite::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

struct Scene {
    _dir: tempfile::TempDir,
    store: SqliteStore,
    /// Another process, as far as the file can tell.
    other: SqlitePool,
}

impl Scene {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("writer.db");
        let store = SqliteStore::create(&path).await.unwrap();
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .busy_timeout(Duration::from_secs(5));
        let other = SqlitePool::connect_with(options).await.unwrap();
        Self {
            _dir: dir,
            store,
            other,
        }
    }

    async fn runs(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM runs");
        count.fetch_one(&self.other).await.unwrap()
    }

    /// Writes from the other process, which waits for the file's lock and not for ever.
    async fn other_writes(&self) {
        let write = sqlx::query("UPDATE store SET created_at = created_at + 1");
        write.execute(&self.other).await.unwrap();
    }
}

fn batch() -> Vec<Submission> {
    let line = r#"{"workspace":"w","tenant":"t","user":"u","type":"op"}"#;
    vec![Submission::parse(line).unwrap(); 20]
}

#[tokio::test]
async fn a_call_that_is_dropped_anywhere_writes_all_or_nothing_and_holds_no_lock() {
    let scene = Scene::new().await;
    let runs = scene.store.runs();
    let batch = batch();
    let mut committed = 0;
    for polls in 0.. {
        let mut call = runs.submit(&batch);
        let mut answer = None;
        for _ in 0..polls {
            tokio::select! {
                biased;
                submitted = &mut call => answer = Some(submitted.unwrap()),
                () = tokio::task::yield_now() => {}
            }
            if answer.is_some() {
                break;
            }
            // Lets the statement under way get on, so that each turn drops the call at another place.
            scene.runs().await;
        }
        drop(call);
        scene.other_writes().await;
        let now = scene.runs().await;
        assert!(now == committed || now == committed + 20, "half a batch");
        committed = now;
        if answer.is_some() {
            assert!(polls > 2, "never dropped on its way");
            break;
        }
    }
    runs.submit(&batch).await.unwrap();
    assert_eq!(scene.runs().await, committed + 20);
}

#[tokio::test]
async fn a_statement_that_fails_spoils_nothing_for_the_next_one() {
    let scene = Scene::new().await;
    let runs = scene.store.runs();
    sqlx::query(
        "CREATE TRIGGER full BEFORE INSERT ON queue BEGIN SELECT RAISE(ROLLBACK, 'full'); END",
    )
    .execute(&scene.other)
    .await
    .unwrap();
    for _ in 0..3 {
        let error = runs.submit(&batch()).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::Refused, "{error}");
        scene.other_writes().await;
    }
    assert_eq!(scene.runs().await, 0);
    sqlx::query("DROP TRIGGER full")
        .execute(&scene.other)
        .await
        .unwrap();
    runs.submit(&batch()).await.unwrap();
    assert_eq!(scene.runs().await, 20);
}

#[tokio::test]
async fn a_store_that_was_closed_says_so() {
    let scene = Scene::new().await;
    let runs = scene.store.runs();
    scene.store.close().await;
    let error = runs.submit(&batch()).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Unavailable, "{error}");
}
