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

script!(MIGRATE writes "migrate");

/// The version of the layout that this crate writes.
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
        let call = Call::script(&MIGRATE, vec![keys.store()])
            .arg(fresh_store_id().to_string())
            .arg(VERSION);
        link.call(OPERATION, call).await?;
        Ok(Migrated {
            from: None,
            to: VERSION,
        })
    }

    async fn pending(&self) -> PortResult<Vec<PendingMigration>> {
        Ok(Vec::new())
    }

    async fn doctor(&self) -> PortResult<Vec<Finding>> {
        Ok(Vec::new())
    }
}

/// Refuses a database that bears no marker under the prefix, or one of another version.
pub(crate) async fn require_current_marker(
    link: &Link,
    keys: &Keys,
    operation: &'static str,
) -> PortResult<StoreId> {
    let call = Call::command("HMGET", keys.store())
        .arg("id")
        .arg("version");
    let mut columns = Columns::of(link.call(operation, call).await?, operation)?;
    let id: Option<StoreId> = columns.optional("the store's id")?;
    let version: Option<i64> = columns.optional("the store's version")?;
    let refused = |kind, detail| Err(PortError::new(kind, operation, detail));
    match (id, version) {
        (Some(id), Some(VERSION)) => Ok(id),
        (None, None) => refused(
            PortErrorKind::NotMigrated,
            "the database holds no prepared store under this prefix, run `countersign migrate`",
        ),
        (Some(_), Some(version)) if version > VERSION => refused(
            PortErrorKind::NewerSchema,
            "the store was prepared by a newer version of Countersign, use that one",
        ),
        (Some(_), Some(_)) => refused(
            PortErrorKind::NotMigrated,
            "the store was prepared by an older version, run `countersign migrate`",
        ),
        (Some(_), None) | (None, Some(_)) => {
            refused(PortErrorKind::Corrupt, "the store's marker is not whole")
        }
    }
}
