//! A store that is removed again.

use countersign_ports::{PortError, PortResult, fresh_store_id};
use sqlx::AssertSqlSafe;

use crate::error::failed;
use crate::{PostgresStore, PostgresUrl};

/// A store of nobody's, in a schema of its own in the database of another one. Such a one alone can be removed.
#[derive(Debug)]
pub struct PostgresThrowaway {
    store: PostgresStore,
    url: PostgresUrl,
}

impl PostgresThrowaway {
    /// Makes a store in the database of `url`, in a schema whose name is drawn. The user needs the right to make one
    /// (`GRANT CREATE ON DATABASE`).
    ///
    /// # Errors
    /// As [`PostgresStore::create`].
    pub async fn beside(url: &PostgresUrl) -> PortResult<Self> {
        let drawn = fresh_store_id().as_uuid().simple();
        // A name of a schema has at most 48 letters.
        let schema = format!("throwaway_{drawn}")
            .parse()
            .map_err(|error| PortError::corrupt("open", "the name of a schema", error))?;
        let url = url.in_schema(schema);
        let store = PostgresStore::create(&url).await?;
        Ok(Self { store, url })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &PostgresStore {
        &self.store
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &PostgresUrl {
        &self.url
    }

    /// Removes it.
    ///
    /// # Errors
    /// What the server says.
    pub async fn remove(self) -> PortResult<()> {
        // The name is drawn, and needs no quotes.
        let schema = self.url.schema().as_str();
        sqlx::query(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE")))
            .execute(self.store.pool())
            .await
            .map_err(failed("remove"))?;
        self.store.close().await;
        Ok(())
    }
}
