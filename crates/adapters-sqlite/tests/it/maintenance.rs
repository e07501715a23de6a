//! Migrations, and what `doctor` finds.

use countersign_ports::{
    AuthorityLookup, Movement, PortErrorKind, Severity, Side, Step, Stepped, StoreMaintenance,
    StoreMove, fresh_move_id, fresh_store_id,
};
use countersign_sqlite::{SqliteMaintenance, SqliteStore};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

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
    let maintenance = SqliteMaintenance::at(&scene.path());
    for refused in [
        maintenance.migrate().await.unwrap_err(),
        maintenance.pending().await.unwrap_err(),
        maintenance.doctor().await.unwrap_err(),
    ] {
        assert_eq!(refused.kind(), PortErrorKind::NewerSchema, "{refused}");
    }
}

/// A store as an older version left it, with a change of authority in it, is told apart and brought up to date.
#[tokio::test]
async fn a_store_of_an_older_version_is_migrated() {
    let newest = Scene::new().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("older.db");
    let maintenance = SqliteMaintenance::at(&path);
    let steps = maintenance.pending().await.unwrap();
    let (last, before) = steps.split_last().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut older = SqliteConnection::connect_with(&options).await.unwrap();
    for step in before {
        let sql = AssertSqlSafe(step.sql.clone());
        sqlx::raw_sql(sql).execute(&mut older).await.unwrap();
    }
    let known = format!(
        "ATTACH '{}' AS newest;
         CREATE TABLE _sqlx_migrations AS SELECT * FROM newest._sqlx_migrations WHERE version < {};
         INSERT INTO store SELECT * FROM newest.store;
         INSERT INTO scopes SELECT * FROM newest.scopes;",
        newest.path().display(),
        last.version
    );
    sqlx::raw_sql(AssertSqlSafe(known))
        .execute(&mut older)
        .await
        .unwrap();
    older.close().await.unwrap();

    let opened = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(opened.kind(), PortErrorKind::NotMigrated);
    let pending = maintenance.pending().await.unwrap();
    assert_eq!(pending, std::slice::from_ref(last));
    let migrated = maintenance.migrate().await.unwrap();
    let from = before.last().map(|step| step.version);
    assert_eq!((migrated.from, migrated.to), (from, last.version));
    assert_eq!(maintenance.pending().await.unwrap(), []);
    let migrated = maintenance.migrate().await.unwrap();
    assert_eq!(migrated.from, Some(migrated.to), "there is nothing to do");
    let store = SqliteStore::open(&path).await.unwrap();
    let identity = store.authority().store().clone();
    assert_eq!(
        &identity,
        newest.store.authority().store(),
        "the same store"
    );
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

/// A step that is not what it was when it was taken: the schema is not the one that it should be.
#[tokio::test]
async fn a_store_whose_steps_were_others_is_damaged() {
    let scene = Scene::new().await;
    scene
        .execute("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1")
        .await;
    let migrated = SqliteMaintenance::at(&scene.path()).migrate().await;
    assert_eq!(migrated.unwrap_err().kind(), PortErrorKind::Corrupt);
}

#[tokio::test]
async fn doctor_has_nothing_to_mend_in_a_store_that_is_well() {
    let scene = Scene::new().await;
    let findings = SqliteMaintenance::at(&scene.path()).doctor().await.unwrap();
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    let expected = [
        "store_class",
        "journal_mode",
        "synchronous",
        "guards",
        "integrity",
        "scopes",
    ];
    assert_eq!(codes, expected);
    for finding in findings {
        assert_eq!(finding.severity, Severity::Note, "{finding:?}");
        assert!(finding.endangers.is_empty(), "{finding:?}");
        assert_eq!(finding.mend, "", "{finding:?}");
    }
}

#[tokio::test]
async fn doctor_warns_of_a_journal_under_which_readers_and_the_writer_wait_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("slow.db");
    let doctor = SqliteMaintenance::at(&path);
    doctor.migrate().await.unwrap();
    let options = SqliteConnectOptions::new().filename(&path);
    let mut raw = SqliteConnection::connect_with(&options).await.unwrap();
    let other = sqlx::raw_sql("PRAGMA journal_mode = DELETE");
    other.execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let findings = doctor.doctor().await.unwrap();
    let warned: Vec<_> = (findings.iter())
        .filter(|finding| finding.severity == Severity::Warning)
        .map(|finding| (finding.code, finding.mend.is_empty()))
        .collect();
    assert_eq!(warned, [("journal_mode", false)]);
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

/// A store that is moving away is not damaged, and is told of; one whose guards against writers are gone is.
#[tokio::test]
async fn doctor_tells_of_a_store_that_is_sealed_and_of_guards_that_it_lacks() {
    let scene = Scene::new().await;
    let side = |store, address: &str| Side {
        store,
        address: address.to_owned(),
    };
    let here = scene.store.authority().store().id;
    let movement = Movement {
        id: fresh_move_id(),
        from: side(here, "here"),
        to: side(fresh_store_id(), "there"),
    };
    let home = scene.store.home();
    let stepped = home.step(&Step::Seal(movement)).await.unwrap();
    assert!(matches!(stepped, Stepped::Stands(_)), "{stepped:?}");
    let doctor = SqliteMaintenance::at(&scene.path());
    let told = doctor.doctor().await.unwrap().pop().unwrap();
    assert_eq!((told.code, told.severity), ("home", Severity::Warning));
    scene.execute("DROP TRIGGER closed_runs_stay_queued").await;
    let told = doctor.doctor().await.unwrap().pop().unwrap();
    assert_eq!((told.code, told.severity), ("home", Severity::Error));
    assert_eq!(told.endangers, ["G2", "G3"]);
}
