//! Preparing the store, and holding the server's settings against the guarantees.

use async_trait::async_trait;
use countersign_domain::StoreId;
use countersign_ports::{
    Finding, Migrated, PendingMigration, PortError, PortErrorKind, PortResult, StoreMaintenance,
    fresh_store_id,
};

use crate::RedisUrl;
use crate::connect::Link;
use crate::keys::Keys;
use crate::rows::Columns;
use crate::script::{Call, script};

mod cluster;
mod doctor;
mod finding;
mod server;

use server::Server;

script!(MIGRATE writes "migrate");

/// The version of the layout that this crate writes: names of keys, and what is in them.
const VERSION: i64 = 1;

/// Prepares and checks the store at one address, whether or not there is one yet.
#[derive(Debug, Clone)]
pub struct RedisMaintenance {
    url: RedisUrl,
}

impl RedisMaintenance {
    /// The store at that address.
    #[must_use]
    pub fn at(url: &RedisUrl) -> Self {
        Self { url: url.clone() }
    }

    fn connect(&self, operation: &'static str) -> PortResult<(Link, Keys)> {
        let keys = Keys::new(self.url.prefix().clone());
        Ok((Link::new(&self.url, operation)?, keys))
    }
}

#[async_trait]
impl StoreMaintenance for RedisMaintenance {
    async fn migrate(&self) -> PortResult<Migrated> {
        const OPERATION: &str = "migrate";
        let (link, keys) = self.connect(OPERATION)?;
        Server::ask(&link, OPERATION)
            .await?
            .require_fit(link.is_a_cluster(), OPERATION)?;
        let call = Call::script(&MIGRATE, vec![keys.store()])
            .arg(fresh_store_id().to_string())
            .arg(VERSION);
        let mut answer = Columns::one(link.call(OPERATION, call).await?, OPERATION);
        link.close().await;
        let from: Option<i64> = answer.optional("the store's version")?;
        if from.is_some_and(|from| from > VERSION) {
            return Err(newer(OPERATION));
        }
        Ok(Migrated { from, to: VERSION })
    }

    async fn pending(&self) -> PortResult<Vec<PendingMigration>> {
        const OPERATION: &str = "migrate";
        let (link, keys) = self.connect(OPERATION)?;
        let marker = Marker::read(&link, &keys, OPERATION).await?;
        link.close().await;
        match marker {
            Some(Marker { version, .. }) if version > VERSION => Err(newer(OPERATION)),
            Some(_) => Ok(Vec::new()),
            None => Ok(vec![PendingMigration {
                version: VERSION,
                description: "the marker of a store".to_owned(),
                sql: format!(
                    "HSET {} id <a fresh UUID> version {VERSION}\n",
                    keys.store()
                ),
            }]),
        }
    }

    async fn doctor(&self) -> PortResult<Vec<Finding>> {
        let (link, keys) = self.connect("doctor")?;
        let findings = doctor::doctor(&link, &keys).await;
        link.close().await;
        findings
    }
}

/// What a prepared store bears.
struct Marker {
    id: StoreId,
    version: i64,
}

impl Marker {
    async fn read(link: &Link, keys: &Keys, operation: &'static str) -> PortResult<Option<Self>> {
        let call = Call::command("HMGET", keys.store())
            .arg("id")
            .arg("version");
        let mut columns = Columns::of(link.call(operation, call).await?, operation)?;
        let id = columns.optional("the store's id")?;
        let version = columns.optional("the store's version")?;
        match (id, version) {
            (Some(id), Some(version)) => Ok(Some(Self { id, version })),
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => {
                let detail = format!("the key `{}` is half a marker", keys.store());
                Err(PortError::new(PortErrorKind::Corrupt, operation, detail))
            }
        }
    }
}

/// Refuses a server that no store can live on, a database that bears no marker under the prefix, and one of
/// another version.
pub(crate) async fn require_current_store(
    link: &Link,
    keys: &Keys,
    operation: &'static str,
) -> PortResult<StoreId> {
    let server = Server::ask(link, operation).await?;
    server.require_fit(link.is_a_cluster(), operation)?;
    require_current_marker(link, keys, operation).await
}

async fn require_current_marker(
    link: &Link,
    keys: &Keys,
    operation: &'static str,
) -> PortResult<StoreId> {
    let refused = |detail| {
        Err(PortError::new(
            PortErrorKind::NotMigrated,
            operation,
            detail,
        ))
    };
    match Marker::read(link, keys, operation).await? {
        Some(Marker { id, version }) if version == VERSION => Ok(id),
        Some(Marker { version, .. }) if version > VERSION => Err(newer(operation)),
        Some(_) => refused("the store was prepared by an older version, run `countersign migrate`"),
        None => refused(
            "the database holds no prepared store under this prefix, run `countersign migrate`",
        ),
    }
}

fn newer(operation: &'static str) -> PortError {
    let detail = "the store was prepared by a newer version of Countersign, use that one";
    PortError::new(PortErrorKind::NewerSchema, operation, detail)
}
