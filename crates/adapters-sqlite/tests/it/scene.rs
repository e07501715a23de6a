//! A store of one workspace, and a second door to its file.

use std::path::PathBuf;

use countersign_domain::{
    AttributedChange, ExecutionContext, Operation, OperationRun, RunId, Submission,
};
use countersign_ports::{
    AuthorityLookup, AuthorityStore, Begun, LookedUp, RunRepository, Start, StartTerms, Submitted,
};
use countersign_sqlite::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

/// A store with one workspace, and a second door to its file.
pub(crate) struct Scene {
    dir: tempfile::TempDir,
    pub(crate) store: SqliteStore,
    pub(crate) raw: SqlitePool,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("guards.db");
        let store = SqliteStore::create(&path).await.unwrap();
        let changes = [
            r#"{"change":"define_role","role":"operator","capabilities":["go"],"all_tenants":true}"#,
            r#"{"change":"set_workspace","workspace":"w","active":true}"#,
            r#"{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"active"}"#,
            r#"{"change":"grant","user":"u","workspace":"w","role":"operator"}"#,
        ]
        .map(|line| AttributedChange::parse(line).unwrap());
        store.authority().apply(&changes).await.unwrap();
        let options = SqliteConnectOptions::new().filename(&path);
        let raw = SqlitePool::connect_with(options).await.unwrap();
        Self { dir, store, raw }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("guards.db")
    }

    pub(crate) async fn queued(&self) -> OperationRun {
        self.queued_for("u").await
    }

    pub(crate) async fn queued_for(&self, user: &str) -> OperationRun {
        let submission = Submission::new(
            "w".parse().unwrap(),
            "t".parse().unwrap(),
            user.parse().unwrap(),
            "op".parse().unwrap(),
        );
        let submitted = self.store.runs().submit(&[submission]).await.unwrap();
        let [Submitted::Created { id, .. }] = submitted.as_slice() else {
            panic!("{submitted:?}");
        };
        self.run(*id).await
    }

    pub(crate) async fn run(&self, id: RunId) -> OperationRun {
        self.store
            .runs()
            .find(&[id])
            .await
            .unwrap()
            .remove(0)
            .unwrap()
    }

    pub(crate) async fn judged(&self, run: &OperationRun) -> Start {
        let operation = Operation::new("op".parse().unwrap()).needing("go".parse().unwrap());
        let context = ExecutionContext::of(run, operation.into());
        let found = self
            .store
            .authority()
            .look_up(&[context.query()])
            .await
            .unwrap()
            .remove(0);
        let LookedUp::Found(authority) = found else {
            panic!("{found:?}");
        };
        let terms = StartTerms {
            worker: &"guards".parse().unwrap(),
            catalog: "catalog",
            lease_for: std::time::Duration::from_secs(60),
            bound: None,
        };
        Start::judge(&context, &authority, &terms).unwrap()
    }

    pub(crate) async fn begin(&self, run: &OperationRun) -> Begun {
        let start = self.judged(run).await;
        self.store.runs().begin(&[start]).await.unwrap().remove(0)
    }

    pub(crate) async fn started(&self) -> OperationRun {
        let run = self.queued().await;
        assert!(matches!(self.begin(&run).await, Begun::Started(_)));
        self.run(run.id).await
    }

    pub(crate) async fn blocked(&self) -> OperationRun {
        let run = self.queued_for("stranger").await;
        assert!(matches!(self.begin(&run).await, Begun::Blocked));
        self.run(run.id).await
    }

    /// What the file says to a statement that it must refuse.
    pub(crate) async fn refuses(&self, sql: &str) -> String {
        let before = self.dump().await;
        let refused = sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&self.raw)
            .await;
        let error = refused.expect_err(sql).to_string();
        assert_eq!(self.dump().await, before, "{sql}");
        error
    }

    pub(crate) async fn dump(&self) -> Vec<String> {
        let columns =
            "id || status || outcome || ifnull(started_at, '-') || ifnull(decision_id, '-')";
        let sql = format!("SELECT {columns} FROM runs ORDER BY id");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_all(&self.raw)
            .await
            .unwrap()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&self.raw)
            .await
            .unwrap();
    }
}
