//! Preparing the schema, and holding the server's settings and the schema against the guarantees.

use async_trait::async_trait;
use countersign_ports::{Finding, Migrated, PendingMigration, PortResult, StoreMaintenance};

use crate::PostgresUrl;

mod doctor;
mod migrate;

pub(crate) use migrate::require_current_schema;

/// Prepares and checks the store at one address, whether or not there is one yet.
#[derive(Debug, Clone)]
pub struct PostgresMaintenance {
    url: PostgresUrl,
}

impl PostgresMaintenance {
    /// The store at that address.
    #[must_use]
    pub fn at(url: &PostgresUrl) -> Self {
        Self { url: url.clone() }
    }
}

#[async_trait]
impl StoreMaintenance for PostgresMaintenance {
    async fn migrate(&self) -> PortResult<Migrated> {
        migrate::migrate(&self.url).await
    }

    async fn pending(&self) -> PortResult<Vec<PendingMigration>> {
        migrate::pending(&self.url).await
    }

    async fn doctor(&self) -> PortResult<Vec<Finding>> {
        doctor::doctor(&self.url).await
    }
}
