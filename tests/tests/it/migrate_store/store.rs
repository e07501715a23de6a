//! Stores of every kind, each of a test's own.

use std::sync::Arc;

use countersign::moving::Home;
use countersign::postgres::PostgresStore;
use countersign::redis::RedisStore;
use countersign::sqlite::SqliteStore;
use countersign_conformance::Ports;
use countersign_ports::{Moved, Part, StoreMove, fresh_run_id};
use tempfile::TempDir;

use crate::postgres::place;
use crate::redis::server as redis;

/// A prepared store.
pub(super) enum TestStore {
    Sqlite(TempDir),
    Postgres(String),
    /// The server, and a prefix there.
    Redis(String, String),
}

impl TestStore {
    pub(super) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(super) fn postgres() -> Self {
        Self::Postgres(format!("test_{}", fresh_run_id()).replace('-', "_"))
    }

    pub(super) fn redis() -> Self {
        Self::Redis(redis::server(), prefix())
    }

    pub(super) fn redis_cluster() -> Self {
        Self::Redis(redis::cluster(), prefix())
    }

    /// Its address.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Sqlite(dir) => format!("sqlite://{}", dir.path().join("store.db").display()),
            Self::Postgres(schema) => format!("{}?schema={schema}", place::server()),
            Self::Redis(server, prefix) => format!("{server}?prefix={prefix}"),
        }
    }

    /// One side of a move, and the ports that scenes play on.
    pub(super) async fn open(&self) -> (Home, Ports) {
        match self {
            Self::Sqlite(dir) => {
                let path = dir.path().join("store.db");
                let store = SqliteStore::create(path).await.unwrap();
                let home = Home::sqlite(&store, self.url());
                (home.clone(), ports(home, Arc::new(store.authority())))
            }
            Self::Postgres(_) => {
                let url = self.url().parse().unwrap();
                let store = PostgresStore::create(&url).await.unwrap();
                let home = Home::postgres(&store, url.to_string());
                (home.clone(), ports(home, Arc::new(store.authority())))
            }
            Self::Redis(..) => {
                let url = self.url().parse().unwrap();
                let store = RedisStore::create(&url).await.unwrap();
                let home = Home::redis(&store, url.to_string());
                (home.clone(), ports(home, Arc::new(store.authority())))
            }
        }
    }

    pub(super) async fn remove(&self) {
        match self {
            // With its directory.
            Self::Sqlite(_) => {}
            Self::Postgres(schema) => place::drop_schema(&place::server(), schema).await,
            Self::Redis(server, prefix) => redis::remove(server, prefix),
        }
    }
}

fn ports(home: Home, authority: Arc<dyn countersign_ports::AuthorityStore>) -> Ports {
    Ports::new(home.runs, authority, home.queue).with_home(home.store)
}

/// Everything that a store holds, in a fixed order.
pub(super) async fn contents(store: &dyn StoreMove) -> Vec<Moved> {
    let mut contents = Vec::new();
    for part in Part::ALL {
        let mut after = None;
        loop {
            let page = store.export(part, after.as_ref(), 1000).await.unwrap();
            contents.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    contents.sort_by_cached_key(|item| (item.part(), format!("{item:?}")));
    contents
}

/// A prefix that no store has.
fn prefix() -> String {
    format!("test-{}", fresh_run_id()).replace('-', "")
}
