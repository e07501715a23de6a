//! The conformance suite on mixes of stores: runs and authority in one, the queue in another.

use std::sync::Arc;

use countersign::port::{AuthorityStore, RunQueue, RunRepository};
use countersign::postgres::PostgresStore;
use countersign::redis::RedisStore;
use countersign::sqlite::SqliteStore;
use countersign_conformance::{Harness, Ports};
use countersign_ports::fresh_run_id;

use crate::postgres::place;
use crate::redis::server;

/// A prepared store of a case's own.
enum Home {
    Sqlite(tempfile::TempDir),
    Postgres(String),
    Redis(String),
}

impl Home {
    async fn sqlite() -> Self {
        let home = Self::Sqlite(tempfile::tempdir().unwrap());
        home.open().await;
        home
    }

    async fn postgres() -> Self {
        let schema = format!("test_{}", fresh_run_id()).replace('-', "_");
        let home = Self::Postgres(schema);
        home.open().await;
        home
    }

    async fn redis() -> Self {
        let home = Self::Redis(format!(
            "test-{}",
            fresh_run_id().to_string().replace('-', "")
        ));
        home.open().await;
        home
    }

    async fn open(&self) -> Store {
        match self {
            Self::Sqlite(dir) => {
                let path = dir.path().join("mixed.db");
                Store::Sqlite(SqliteStore::create(path).await.unwrap())
            }
            Self::Postgres(schema) => {
                let url = format!("{}?schema={schema}", place::server());
                Store::Postgres(PostgresStore::create(&url.parse().unwrap()).await.unwrap())
            }
            Self::Redis(prefix) => {
                let url = format!("{}?prefix={prefix}", server::server());
                Store::Redis(RedisStore::create(&url.parse().unwrap()).await.unwrap())
            }
        }
    }

    async fn remove(&self) {
        match self {
            // With its directory.
            Self::Sqlite(_) => {}
            Self::Postgres(schema) => place::drop_schema(&place::server(), schema).await,
            Self::Redis(prefix) => server::remove(&server::server(), prefix),
        }
    }
}

enum Store {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
    Redis(RedisStore),
}

impl Store {
    fn runs(&self) -> Arc<dyn RunRepository> {
        match self {
            Self::Sqlite(store) => Arc::new(store.runs_apart_from_queue()),
            Self::Postgres(store) => Arc::new(store.runs_apart_from_queue()),
            Self::Redis(store) => Arc::new(store.runs()),
        }
    }

    fn authority(&self) -> Arc<dyn AuthorityStore> {
        match self {
            Self::Sqlite(store) => Arc::new(store.authority()),
            Self::Postgres(store) => Arc::new(store.authority()),
            Self::Redis(store) => Arc::new(store.authority()),
        }
    }

    fn queue(&self) -> Arc<dyn RunQueue> {
        match self {
            Self::Sqlite(store) => Arc::new(store.queue()),
            Self::Postgres(store) => Arc::new(store.queue()),
            Self::Redis(store) => Arc::new(store.queue()),
        }
    }
}

/// Runs and authority in one store.
struct Mixed {
    runs_and_authority: Home,
    queue: Home,
}

/// Runs and queue in one store.
struct Apart {
    runs_and_queue: Home,
    authority: Home,
}

#[async_trait::async_trait]
impl Harness for Mixed {
    async fn open(&self) -> Ports {
        let store = self.runs_and_authority.open().await;
        let queue = self.queue.open().await.queue();
        Ports::new(store.runs(), store.authority(), queue)
    }

    async fn close(&self) {
        self.runs_and_authority.remove().await;
        self.queue.remove().await;
    }
}

#[async_trait::async_trait]
impl Harness for Apart {
    async fn open(&self) -> Ports {
        let store = self.runs_and_queue.open().await;
        let authority = self.authority.open().await.authority();
        Ports::apart(store.runs(), authority, store.queue())
    }

    async fn close(&self) {
        self.runs_and_queue.remove().await;
        self.authority.remove().await;
    }
}

countersign_conformance::suite!(mod on_postgres_with_the_queue_on_redis, || async {
    Mixed { runs_and_authority: Home::postgres().await, queue: Home::redis().await }
});

countersign_conformance::suite!(mod on_sqlite_with_the_queue_on_redis, || async {
    Mixed { runs_and_authority: Home::sqlite().await, queue: Home::redis().await }
});

countersign_conformance::suite!(mod on_redis_with_the_queue_on_postgres, || async {
    Mixed { runs_and_authority: Home::redis().await, queue: Home::postgres().await }
});

countersign_conformance::suite!(apart mod bounded_on_redis_with_authority_on_postgres, || async {
    Apart { runs_and_queue: Home::redis().await, authority: Home::postgres().await }
});
