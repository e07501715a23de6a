//! A store in a schema of its own, on the server that the test run was given or on a test's own.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;

use countersign::postgres::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};
use countersign::postgres::{PostgresStore, PostgresUrl};
use countersign_ports::fresh_run_id;
use tokio::task::LocalSet;

use crate::support::ended;

/// Where the test server is.
pub(crate) fn server() -> String {
    std::env::var("COUNTERSIGN_TEST_POSTGRES").expect(
        "COUNTERSIGN_TEST_POSTGRES, the address of a PostgreSQL server to test on: `cargo xtask test` starts one",
    )
}

/// Throws a store away.
pub(crate) async fn drop_schema(server: &str, schema: &str) {
    let statement = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
    let mut connection = PgConnection::connect(server).await.unwrap();
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
}

/// A prepared store.
pub(super) struct Place {
    server: String,
    schema: String,
}

impl Place {
    /// Plays a test on a store of its own, and throws the store away whatever became of it.
    pub(super) async fn play<Played>(server: String, part: impl FnOnce(Arc<Self>) -> Played)
    where
        Played: Future<Output = ()> + 'static,
    {
        let schema = format!("test_{}", fresh_run_id()).replace('-', "_");
        let place = Arc::new(Self { server, schema });
        let created = PostgresStore::create(&place.parsed_url()).await.unwrap();
        created.close().await;
        // A task of its own, so that its panic comes back here.
        let tasks = LocalSet::new();
        let playing = tasks.spawn_local(part(Arc::clone(&place)));
        let playing = tasks.run_until(ended("the test", playing)).await;
        drop_schema(&place.server, &place.schema).await;
        if let Err(failed) = playing {
            resume_unwind(failed.into_panic());
        }
    }

    /// The store's address. The schema names the connections, too: nobody else's are called so.
    pub(super) fn url(&self) -> String {
        let Self { server, schema } = self;
        format!("{server}?application_name={schema}&schema={schema}")
    }

    fn parsed_url(&self) -> PostgresUrl {
        self.url().parse().unwrap()
    }

    pub(super) async fn open(&self) -> PostgresStore {
        PostgresStore::open(&self.parsed_url()).await.unwrap()
    }

    /// Has the server end every connection to the store; says how many there were.
    pub(super) async fn end_connections(&self) -> usize {
        let ended: Vec<bool> = sqlx::query_scalar(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
        )
        .bind(&self.schema)
        .fetch_all(&mut self.connect().await)
        .await
        .unwrap();
        ended.len()
    }

    /// A connection that does not go by the store's name.
    async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.server).await.unwrap()
    }
}
