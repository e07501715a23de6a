//! The SQLite adapter passes every case of the conformance suite.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_conformance::{Harness, Ports};
use countersign_sqlite::SqliteStore;

/// A file in a directory of its own, removed with it.
struct SqliteHarness {
    dir: tempfile::TempDir,
}

impl SqliteHarness {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory for the store");
        let harness = Self { dir };
        SqliteStore::create(harness.path())
            .await
            .expect("a prepared store");
        harness
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("conformance.db")
    }
}

#[async_trait::async_trait]
impl Harness for SqliteHarness {
    async fn open(&self) -> Ports {
        let store = SqliteStore::open(self.path())
            .await
            .expect("the prepared store");
        Ports::new(
            Arc::new(store.runs()),
            Arc::new(store.authority()),
            Arc::new(store.queue()),
        )
        .with_home(Arc::new(store.home()))
    }

    /// The directory goes with the harness; connections that are still open lose nothing by it.
    async fn close(&self) {}
}

countersign_conformance::suite!(|| async { SqliteHarness::new().await });

countersign_conformance::moving_suite!(|| async { SqliteHarness::new().await });
