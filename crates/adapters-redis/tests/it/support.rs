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

/// The ports of an opened store.
pub(crate) fn ports(store: &RedisStore) -> Ports {
    Ports::new(
        Arc::new(store.runs()),
        Arc::new(store.authority()),
        Arc::new(store.queue()),
    )
}

/// A prepared store under a prefix of its own.
pub(crate) struct Site {
    server: String,
    prefix: String,
}

impl Site {
    /// A prefix that no store has.
    pub(crate) fn bare() -> Self {
        Self {
            server: server(),
            prefix: format!("test-{}", uuid::Uuid::new_v4().simple()),
        }
    }

    pub(crate) async fn new() -> Self {
        let site = Self::bare();
        RedisStore::create(&site.url())
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

    pub(crate) async fn open(&self) -> RedisStore {
        RedisStore::open(&self.url())
            .await
            .expect("the prepared store")
    }

    /// A connection past the adapter.
    pub(crate) async fn raw(&self) -> MultiplexedConnection {
        // A large file of changes of another test holds the server up for a while.
        let patience = Some(Duration::from_secs(30));
        let config = AsyncConnectionConfig::new().set_response_timeout(patience);
        redis::Client::open(self.server.as_str())
            .expect("an address")
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .expect("a connection")
    }

    /// Every key of the store.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let mut raw = self.raw().await;
        let mut keys = Vec::new();
        let mut cursor = 0_u64;
        loop {
            let (next, page): (u64, Vec<String>) = redis::cmd("SCAN")
                .arg(cursor)
                .arg(("MATCH", format!("*{}*", self.prefix)))
                .arg(("COUNT", 1000))
                .query_async(&mut raw)
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
        let mut raw = self.raw().await;
        for keys in self.keys().await.chunks(500) {
            let removed: redis::RedisResult<u64> =
                redis::cmd("UNLINK").arg(keys).query_async(&mut raw).await;
            removed.expect("the keys are removed");
        }
    }
}
