//! Preparing a store, and what doctor makes of one that was harmed.

use countersign_ports::{Finding, PortErrorKind, Severity, StoreMaintenance};
use countersign_postgres::sqlx::{AssertSqlSafe, Executor, Row};
use countersign_postgres::{PostgresMaintenance, PostgresStore};
use tokio::task::JoinSet;

use crate::support::Site;

async fn errors(site: &Site) -> Vec<Finding> {
    let findings = PostgresMaintenance::at(&site.url()).doctor().await;
    let bad = |finding: &Finding| finding.severity == Severity::Error;
    findings
        .expect("findings")
        .into_iter()
        .filter(bad)
        .collect()
}

async fn run(site: &Site, script: &str) {
    let schema = site.url().schema().to_string();
    let script = script.replace("countersign.", &format!("{schema}."));
    site.connect()
        .await
        .execute(AssertSqlSafe(script))
        .await
        .expect("the script");
}

#[tokio::test]
async fn of_many_who_migrate_at_once_one_does_and_the_others_find_it_done() {
    let site = Site::bare();
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let maintenance = PostgresMaintenance::at(&site.url());
        tasks.spawn(async move { maintenance.migrate().await });
    }
    let mut prepared = 0;
    while let Some(ended) = tasks.join_next().await {
        let migrated = ended.expect("the task").expect("prepared");
        match migrated.from {
            None => prepared += 1,
            Some(from) => assert_eq!(from, migrated.to),
        }
    }
    assert_eq!(prepared, 1);
    site.close().await;
}

/// What is printed is what would be run: run by hand, step by step, it makes the same schema.
#[tokio::test]
async fn the_steps_that_are_pending_are_those_that_migrate_takes() {
    let site = Site::bare();
    let maintenance = PostgresMaintenance::at(&site.url());
    let steps = maintenance.pending().await.expect("the steps");
    assert!(!steps.is_empty());
    assert!(steps.is_sorted_by_key(|step| step.version));
    let again = maintenance.pending().await.expect("the steps");
    assert_eq!(steps, again, "printing takes none");
    let mut connection = site.connect().await;
    let schema = site.url().schema().to_string();
    connection
        .execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
        .await
        .expect("the schema");
    for step in steps {
        connection
            .execute(AssertSqlSafe(step.sql))
            .await
            .expect("the step");
    }
    let by_hand = listed(&site).await;
    site.close().await;

    let site = Site::new().await;
    let pending = PostgresMaintenance::at(&site.url()).pending().await;
    assert_eq!(pending.expect("the steps"), []);
    let migrated: Vec<String> = listed(&site).await;
    let ours = |name: &&String| !name.contains("migrations");
    assert_eq!(
        migrated.iter().filter(ours).collect::<Vec<_>>(),
        by_hand.iter().collect::<Vec<_>>()
    );
    site.close().await;
}

/// A store as an older version left it is told apart and brought up to date, with the rulings in it.
#[tokio::test]
async fn a_store_of_an_older_version_is_migrated() {
    let site = Site::bare();
    let maintenance = PostgresMaintenance::at(&site.url());
    let steps = maintenance.pending().await.expect("the steps");
    let (last, before) = steps.split_last().expect("steps");
    maintenance.migrate().await.expect("prepared");
    let as_migrated = listed(&site).await;
    let schema = site.url().schema().to_string();
    let kept = format!("{schema}_kept");
    let emptied = format!(
        "CREATE SCHEMA {kept}; ALTER TABLE {schema}.migrations SET SCHEMA {kept};
         DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}"
    );
    run(&site, &emptied).await;
    for step in before {
        run(&site, &step.sql).await;
    }
    let as_it_was = format!(
        "ALTER TABLE {kept}.migrations SET SCHEMA {schema}; DROP SCHEMA {kept};
         DELETE FROM {schema}.migrations WHERE version = {};
         INSERT INTO {schema}.store (id, created_at) VALUES (gen_random_uuid(), now());
         INSERT INTO {schema}.rulings (record, max_attempts) VALUES
             ('{{\"allowed\":true,\"decision_id\":null,\"target_scope\":{{\"workspace_id\":\"w\"}}}}', 3)",
        last.version
    );
    run(&site, &as_it_was).await;

    let opened = PostgresStore::open(&site.url())
        .await
        .expect_err("a refusal");
    assert_eq!(opened.kind(), PortErrorKind::NotMigrated, "{opened}");
    let pending = maintenance.pending().await.expect("the steps");
    assert_eq!(pending, std::slice::from_ref(last));
    let migrated = maintenance.migrate().await.expect("migrated");
    let from = before.last().map(|step| step.version);
    assert_eq!((migrated.from, migrated.to), (from, last.version));
    assert_eq!(maintenance.pending().await.expect("the steps"), []);
    assert_eq!(listed(&site).await, as_migrated);
    let store = PostgresStore::open(&site.url()).await.expect("the store");
    store.close().await;
    let ruling = format!("SELECT allowed, workspace_id, reason_code FROM {schema}.rulings");
    let mut connection = site.connect().await;
    let ruling = connection.fetch_one(AssertSqlSafe(ruling)).await;
    let ruling = ruling.expect("the ruling");
    let columns: (bool, String, Option<String>) = (ruling.get(0), ruling.get(1), ruling.get(2));
    assert_eq!(columns, (true, "w".to_owned(), None));
    site.close().await;
}

/// Constraints, triggers and unique indexes, as doctor lists them.
async fn listed(site: &Site) -> Vec<String> {
    let schema = site.url().schema().to_string();
    let statement = include_str!("../../src/sql/doctor/guards.sql")
        .replace("countersign.", &format!("{schema}."));
    let rows = site
        .connect()
        .await
        .fetch_all(AssertSqlSafe(statement))
        .await
        .expect("the list");
    let mut names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    names.sort();
    names
}

#[tokio::test]
async fn doctor_knows_every_guard_that_the_migrations_make() {
    let site = Site::new().await;
    let expected: Vec<&str> = include_str!("../../src/sql/doctor/guards.txt")
        .lines()
        .collect();
    assert_eq!(listed(&site).await, expected);
    assert_eq!(errors(&site).await, []);
    site.close().await;
}

#[tokio::test]
async fn doctor_names_a_guard_that_was_dropped_or_switched_off() {
    let site = Site::new().await;
    for (harm, name) in [
        (
            "ALTER TABLE countersign.run_states DROP CONSTRAINT g1_blocked_never_started",
            "run_states.g1_blocked_never_started",
        ),
        (
            "ALTER TABLE countersign.run_states DISABLE TRIGGER run_states_start_once",
            "run_states.run_states_start_once",
        ),
        (
            "DROP INDEX countersign.runs_one_successor",
            "runs_one_successor",
        ),
    ] {
        run(&site, harm).await;
        let errors = errors(&site).await;
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].found.contains(name), "{}", errors[0].found);
        assert!(errors[0].endangers.contains(&"G1"));
    }
    site.close().await;
}

#[tokio::test]
async fn doctor_misses_a_scope_record_that_was_removed_past_the_guards() {
    let site = Site::new().await;
    run(
        &site,
        r#"SELECT countersign.apply_change('{"change":"set_workspace","workspace":"w","active":true}');
           SET session_replication_role = replica; DELETE FROM countersign.scopes"#,
    )
    .await;
    let errors = errors(&site).await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(
        (errors[0].code, errors[0].endangers),
        ("scopes", &["G2"][..])
    );
    site.close().await;
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let site = Site::new().await;
    run(
        &site,
        "INSERT INTO countersign.migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', true, '', 0)",
    )
    .await;
    let maintenance = PostgresMaintenance::at(&site.url());
    let before = listed(&site).await;
    for refused in [
        maintenance.migrate().await.expect_err("a refusal"),
        maintenance.pending().await.expect_err("a refusal"),
        maintenance.doctor().await.expect_err("a refusal"),
        PostgresStore::open(&site.url())
            .await
            .expect_err("a refusal"),
    ] {
        assert_eq!(refused.kind(), PortErrorKind::NewerSchema, "{refused}");
    }
    assert_eq!(listed(&site).await, before);
    site.close().await;
}

#[tokio::test]
async fn a_schema_without_a_store_is_not_migrated() {
    let site = Site::bare();
    let refused = PostgresStore::open(&site.url())
        .await
        .expect_err("a refusal");
    assert_eq!(refused.kind(), PortErrorKind::NotMigrated, "{refused}");
    assert!(
        refused.to_string().contains("countersign migrate"),
        "{refused}"
    );
}
