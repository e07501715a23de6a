//! A prefix of its own for every test, on the server that the test run was given.

use std::sync::Arc;
use std::time::Duration;

use countersign_conformance::Ports;
use countersign_redis::{RedisStore, RedisUrl};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use tokio::task::LocalSet;

/// Where the test server is.
pub(crate) fn server() -> String {
    std::env::var("COUNTERSIGN_TEST_REDIS").expect(
        "COUNTERSIGN_TEST_REDIS, the address of a Redis server to test on: `cargo xtask test` starts one",
    )
}

/// Where the nodes of the test cluster are.
pub(crate) fn cluster() -> String {
    std::env::var("COUNTERSIGN_TEST_REDIS_CLUSTER").expect(
        "COUNTERSIGN_TEST_REDIS_CLUSTER, the address of a Redis Cluster to test on: `cargo xtask test` starts one",
    )
}

/// How long the server may take to answer: it does one thing at a time, and one test's is large.
const PATIENCE: Duration = Duration::from_secs(30);

/// The ports of an opened store.
pub(crate) fn ports(store: &RedisStore) -> Ports {
    Ports::new(
        Arc::new(store.runs()),
        Arc::new(store.authority()),
        Arc::new(store.queue()),
    )
    .with_home(Arc::new(store.home()))
}

/// A prepared store under a prefix of its own.
pub(crate) struct Site {
    server: String,
    prefix: String,
}

impl Site {
    /// A prefix that no store has.
    pub(crate) fn bare() -> Self {
        Self::at(server())
    }

    /// The same on another server, or on a cluster.
    pub(crate) fn at(server: String) -> Self {
        Self {
            server,
            prefix: format!("test-{}", uuid::Uuid::new_v4().simple()),
        }
    }

    pub(crate) async fn new() -> Self {
        Self::bare().prepared().await
    }

    /// The same with a store.
    pub(crate) async fn prepared(self) -> Self {
        RedisStore::create(&self.url())
            .await
            .expect("a prepared store");
        self
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

    /// Under which prefix.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn url(&self) -> RedisUrl {
        self.url_at(&self.server)
    }

    /// The same store, found at another address.
    pub(crate) fn url_at(&self, server: &str) -> RedisUrl {
        format!("{server}?prefix={}", self.prefix)
            .parse()
            .expect("an address")
    }

    /// Whether it is on the nodes of a cluster.
    pub(crate) fn is_on_a_cluster(&self) -> bool {
        self.server.starts_with("redis-cluster:")
    }

    pub(crate) async fn open(&self) -> RedisStore {
        RedisStore::open(&self.url())
            .await
            .expect("the prepared store")
    }

    /// A connection past the adapter.
    pub(crate) async fn raw(&self) -> MultiplexedConnection {
        connect(&self.server).await
    }

    /// One to each server: a cluster's address names every node that holds keys.
    async fn raws(&self) -> Vec<MultiplexedConnection> {
        let (_, servers) = self.server.split_once("//").expect("an address");
        let mut raws = Vec::new();
        for server in servers.split(',') {
            raws.push(connect(&format!("redis://{server}")).await);
        }
        raws
    }

    /// One past the adapter to the server that has this key.
    pub(crate) async fn raw_to(&self, key: &str) -> MultiplexedConnection {
        for mut raw in self.raws().await {
            let kind: redis::RedisResult<String> =
                redis::cmd("TYPE").arg(key).query_async(&mut raw).await;
            if kind.is_ok() {
                return raw;
            }
        }
        panic!("`{key}` is on no server")
    }

    /// Every key of the store.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        for mut raw in self.raws().await {
            keys.extend(self.keys_at(&mut raw).await);
        }
        keys
    }

    async fn keys_at(&self, raw: &mut MultiplexedConnection) -> Vec<String> {
        let mut keys = Vec::new();
        let mut cursor = 0_u64;
        loop {
            let (next, page): (u64, Vec<String>) = redis::cmd("SCAN")
                .arg(cursor)
                .arg(("MATCH", format!("*{}*", self.prefix)))
                .arg(("COUNT", 1000))
                .query_async(raw)
                .await
                .expect("a page of keys");
            keys.extend(page);
            cursor = next;
            if cursor == 0 {
                return keys;
            }
        }
    }

    /// Throws the store away.
    pub(crate) async fn close(&self) {
        for mut raw in self.raws().await {
            for keys in self.keys_at(&mut raw).await.chunks(500) {
                // One by one: those of a cluster are of different slots.
                let mut remove = redis::pipe();
                for key in keys {
                    remove.cmd("UNLINK").arg(key).ignore();
                }
                let removed: redis::RedisResult<()> = remove.query_async(&mut raw).await;
                removed.expect("the keys are removed");
            }
        }
    }
}

async fn connect(server: &str) -> MultiplexedConnection {
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
    redis::Client::open(server)
        .expect("an address")
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .expect("a connection")
}
