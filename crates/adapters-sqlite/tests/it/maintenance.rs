//! Migrations, and what `doctor` finds.

use countersign_ports::{PortErrorKind, Severity, StoreMaintenance};
use countersign_sqlite::{SqliteMaintenance, SqliteStore};

use crate::scene::Scene;

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let scene = Scene::new().await;
    scene
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (999, 'tomorrow', 1, x'00', 0)",
        )
        .await;
    let opened = SqliteStore::open(scene.path()).await.unwrap_err();
    assert_eq!(opened.kind(), PortErrorKind::NewerSchema);
    let migrated = SqliteMaintenance::at(&scene.path())
        .migrate()
        .await
        .unwrap_err();
    assert_eq!(migrated.kind(), PortErrorKind::NewerSchema);
}

#[tokio::test]
async fn many_may_migrate_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new.db");
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { SqliteMaintenance::at(&path).migrate().await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    SqliteStore::open(&path).await.unwrap();
}

#[tokio::test]
async fn doctor_finds_a_guard_that_was_dropped_and_a_scope_that_was_damaged() {
    let scene = Scene::new().await;
    let doctor = SqliteMaintenance::at(&scene.path());
    let worst = doctor
        .doctor()
        .await
        .unwrap()
        .into_iter()
        .map(|finding| finding.severity)
        .max();
    assert_eq!(worst, Some(Severity::Note));
    scene.execute("DROP TRIGGER scopes_never_repeat").await;
    scene
        .execute("UPDATE scopes SET nonce = 'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz'")
        .await;
    let findings = doctor.doctor().await.unwrap();
    let errors: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.code)
        .collect();
    assert_eq!(errors, ["guards", "scopes"]);
}
