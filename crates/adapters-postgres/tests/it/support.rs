//! A schema of its own for every test, on the server that the test run was given.

use std::net::SocketAddr;
use std::sync::Arc;

use countersign_conformance::Ports;
use countersign_conformance::scene::Scene;
use countersign_postgres::sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use countersign_postgres::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use countersign_postgres::{PostgresStore, PostgresUrl};
use tokio::task::LocalSet;

/// Where the test server is.
pub(crate) fn server() -> String {
    std::env::var("COUNTERSIGN_TEST_POSTGRES").expect(
        "COUNTERSIGN_TEST_POSTGRES, the address of a PostgreSQL server to test on: `cargo xtask test` starts one",
    )
}

/// The ports of an opened store.
pub(crate) fn ports(store: &PostgresStore, queue_apart: bool) -> Ports {
    let runs = match queue_apart {
        true => store.runs_apart_from_queue(),
        false => store.runs(),
    };
    let home = match queue_apart {
        true => store.home_apart_from_queue(),
        false => store.home(),
    };
    Ports::new(
        Arc::new(runs),
        Arc::new(store.authority()),
        Arc::new(store.queue()),
    )
    .with_home(Arc::new(home))
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

    /// Lends a site to a test, and throws it away whatever becomes of the test.
    pub(crate) fn lend(test: impl AsyncFnOnce(Arc<Self>) + 'static) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let ended = runtime.block_on(LocalSet::new().run_until(async {
            let site = Arc::new(Self::new().await);
            let lent = Arc::clone(&site);
            // A task of its own: its panic is caught, and what it held is let go of.
            let ended = tokio::task::spawn_local(async move { test(lent).await }).await;
            site.close().await;
            ended
        }));
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }

    pub(crate) fn url(&self) -> PostgresUrl {
        let url = format!("{}?schema={}", self.server, self.schema);
        url.parse().expect("an address")
    }

    /// The same store, found at another address and under a name that the server knows its connections by.
    pub(crate) fn url_at(&self, address: SocketAddr, application: &str) -> PostgresUrl {
        let (login, place) = self.server.rsplit_once('@').expect("a login");
        let (_, database) = place.split_once('/').expect("a database");
        let schema = &self.schema;
        let url = format!(
            "{login}@{address}/{database}?sslmode=disable&application_name={application}&schema={schema}"
        );
        url.parse().expect("an address")
    }

    /// The schema that is this test's own.
    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    pub(crate) async fn open(&self) -> PostgresStore {
        PostgresStore::open(&self.url())
            .await
            .expect("the prepared store")
    }

    /// A world in which both places of the scenes are in order.
    pub(crate) async fn scene(&self) -> Scene {
        Scene::home_and_away(&ports(&self.open().await, false)).await
    }

    /// A connection past the adapter.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.server)
            .await
            .expect("a connection")
    }

    /// Connections past the adapter, to which the tables of the store are known by their bare names.
    pub(crate) async fn raw(&self) -> PgPool {
        let options: PgConnectOptions = self.server.parse().expect("an address");
        PgPoolOptions::new()
            .max_connections(3)
            .connect_with(options.options([("search_path", &self.schema)]))
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
