//! Stores of every kind, each of one sequence's or one round's own.

use std::sync::Arc;

use countersign::postgres::PostgresStore;
use countersign::redis::RedisStore;
use countersign::sqlite::SqliteStore;
use countersign_conformance::Ports;
use countersign_ports::fresh_run_id;
use tempfile::TempDir;

use super::window::Passing;
use crate::postgres::place;
use crate::redis::server;
use crate::support::MovedClock;

/// What runs, authority and queue are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    Redis,
    RedisCluster,
    /// Runs and authority on PostgreSQL, the queue on Redis.
    QueueOnRedis,
}

/// Every one.
pub(crate) const KINDS: [Kind; 5] = [
    Kind::Sqlite,
    Kind::Postgres,
    Kind::Redis,
    Kind::RedisCluster,
    Kind::QueueOnRedis,
];

/// A prepared store, until it is removed.
pub(crate) struct OwnStore {
    kind: Kind,
    name: String,
    dir: Option<TempDir>,
    clock: MovedClock,
}

impl OwnStore {
    pub(crate) fn of(kind: Kind) -> Self {
        Self {
            kind,
            name: format!("test-{}", fresh_run_id()).replace('-', ""),
            dir: (kind == Kind::Sqlite).then(|| tempfile::tempdir().unwrap()),
            clock: MovedClock::new(),
        }
    }

    /// How its time passes, where it is opened by [`OwnStore::open_told`].
    pub(crate) fn passing(&self) -> Passing {
        match self.kind {
            Kind::Sqlite => Passing::Told(self.clock.clone()),
            Kind::Postgres | Kind::Redis | Kind::RedisCluster | Kind::QueueOnRedis => {
                Passing::ByItself
            }
        }
    }

    /// Ports of one process, with connections of its own. A store that can be told the time is told it.
    pub(crate) async fn open_told(&self) -> Ports {
        match &self.dir {
            Some(dir) => {
                let path = dir.path().join("store.db");
                SqliteStore::create(&path).await.unwrap().close().await;
                let store = SqliteStore::open_with(&path, self.clock.for_store()).await;
                sqlite(&store.unwrap())
            }
            None => self.open().await,
        }
    }

    /// Ports of one process, with connections of its own.
    pub(crate) async fn open(&self) -> Ports {
        match self.kind {
            Kind::Sqlite => {
                let dir = self.dir.as_ref().unwrap();
                let store = SqliteStore::create(dir.path().join("store.db")).await;
                sqlite(&store.unwrap())
            }
            Kind::Postgres => {
                let store = self.postgres().await;
                Ports::new(
                    Arc::new(store.runs()),
                    Arc::new(store.authority()),
                    Arc::new(store.queue()),
                )
            }
            Kind::Redis => redis(&self.redis(&server::server()).await),
            Kind::RedisCluster => redis(&self.redis(&server::cluster()).await).of_one_scope(),
            Kind::QueueOnRedis => {
                let store = self.postgres().await;
                Ports::new(
                    Arc::new(store.runs_apart_from_queue()),
                    Arc::new(store.authority()),
                    Arc::new(self.redis(&server::server()).await.queue()),
                )
            }
        }
    }

    async fn postgres(&self) -> PostgresStore {
        let url = format!("{}?schema={}", place::server(), self.name);
        PostgresStore::create(&url.parse().unwrap()).await.unwrap()
    }

    async fn redis(&self, server: &str) -> RedisStore {
        let url = format!("{server}?prefix={}", self.name);
        RedisStore::create(&url.parse().unwrap()).await.unwrap()
    }

    /// Throws it away, with everything in it.
    pub(crate) async fn remove(self) {
        match self.kind {
            // With its directory.
            Kind::Sqlite => {}
            Kind::Postgres => place::drop_schema(&place::server(), &self.name).await,
            Kind::Redis => server::remove(&server::server(), &self.name),
            Kind::RedisCluster => server::remove(&server::cluster(), &self.name),
            Kind::QueueOnRedis => {
                place::drop_schema(&place::server(), &self.name).await;
                server::remove(&server::server(), &self.name);
            }
        }
    }
}

fn sqlite(store: &SqliteStore) -> Ports {
    Ports::new(
        Arc::new(store.runs()),
        Arc::new(store.authority()),
        Arc::new(store.queue()),
    )
}

fn redis(store: &RedisStore) -> Ports {
    Ports::new(
        Arc::new(store.runs()),
        Arc::new(store.authority()),
        Arc::new(store.queue()),
    )
}
