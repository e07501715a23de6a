//! Stores of every kind, each of one sequence's or one round's own.

use std::sync::Arc;

use countersign::postgres::PostgresStore;
use countersign::redis::RedisStore;
use countersign::sqlite::SqliteStore;
use countersign_conformance::Ports;
use countersign_ports::fresh_run_id;
use tempfile::TempDir;
use xtask::servers::say::say;

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
            Kind::RedisCluster => redis(&self.redis(&cluster()).await).of_one_scope(),
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
            Kind::Redis => remove_keys(&server::server(), &self.name),
            Kind::RedisCluster => remove_keys(&cluster(), &self.name),
            Kind::QueueOnRedis => {
                place::drop_schema(&place::server(), &self.name).await;
                remove_keys(&server::server(), &self.name);
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

/// Where the nodes of the test cluster are.
fn cluster() -> String {
    std::env::var("COUNTERSIGN_TEST_REDIS_CLUSTER").expect(
        "COUNTERSIGN_TEST_REDIS_CLUSTER, the address of a Redis Cluster to test on: `cargo xtask test` starts one",
    )
}

/// Removes what a prefix has on each of these nodes, one key at a time: no two need share a slot.
fn remove_keys(url: &str, prefix: &str) {
    let (_, nodes) = url.split_once("//").unwrap();
    for node in nodes.split(',') {
        let (_, port) = node.rsplit_once(':').unwrap();
        let port = port.parse().unwrap();
        let keys = say(port, &["KEYS", &format!("*{prefix}*")]).unwrap();
        for key in keys.texts() {
            say(port, &["UNLINK", &key]).unwrap();
        }
    }
}
