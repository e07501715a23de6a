//! A schema of its own for every test, on the server that the test run was given.

use countersign_postgres::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use countersign_postgres::{PostgresStore, PostgresUrl};

/// Where the test server is.
pub(crate) fn server() -> String {
    std::env::var("COUNTERSIGN_TEST_POSTGRES").expect(
        "COUNTERSIGN_TEST_POSTGRES, the address of a PostgreSQL server to test on: `cargo xtask test` starts one",
    )
}

/// A prepared store in a schema of its own.
pub(crate) struct Site {
    server: String,
    schema: String,
}

impl Site {
    /// A schema that is not there yet.
    pub(crate) fn bare() -> Self {
        Self {
            server: server(),
            schema: format!("test_{}", uuid::Uuid::new_v4().simple()),
        }
    }

    pub(crate) async fn new() -> Self {
        let site = Self::bare();
        PostgresStore::create(&site.url())
            .await
            .expect("a prepared store");
        site
    }

    pub(crate) fn url(&self) -> PostgresUrl {
        let url = format!("{}?schema={}", self.server, self.schema);
        url.parse().expect("an address")
    }

    pub(crate) async fn open(&self) -> PostgresStore {
        PostgresStore::open(&self.url())
            .await
            .expect("the prepared store")
    }

    /// A connection past the adapter.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.server)
            .await
            .expect("a connection")
    }

    /// Throws the store away.
    pub(crate) async fn close(&self) {
        let statement = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema);
        let mut connection = self.connect().await;
        connection
            .execute(AssertSqlSafe(statement))
            .await
            .expect("the schema is dropped");
    }
}
