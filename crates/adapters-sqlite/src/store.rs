//! Opening the file, and the connections that every port shares.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use countersign_domain::{StoreId, Timestamp};
use countersign_ports::{
    PortError, PortErrorKind, PortResult, QueueUpkeep, StoreIdentity, StoreMaintenance,
};
use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, Transaction};
use tokio::sync::Notify;

use crate::connect::{connect_options, pool};
use crate::error::failed;
use crate::maintenance::{self, SqliteMaintenance};
use crate::writer::{Write, Writer};
use crate::{Clock, SqliteAuthority, SqliteMove, SqliteQueue, SqliteRuns};

/// Readers beside the one writer.
const READERS: u32 = 3;

/// A reader's page cache, in KiB as SQLite counts them: readers read a page once.
const READER_CACHE: &str = "-2048";

/// A `sqlite://PATH` address: the path is taken to the letter, relative to the working directory
/// unless it begins with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteUrl(PathBuf);

/// An address that names no SQLite file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` names no SQLite file, expected `sqlite://PATH`: {problem}")]
pub struct SqliteUrlError {
    found: String,
    problem: &'static str,
}

impl SqliteUrl {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl FromStr for SqliteUrl {
    type Err = SqliteUrlError;
    fn from_str(text: &str) -> Result<Self, SqliteUrlError> {
        let refused = |problem| SqliteUrlError {
            found: text.to_owned(),
            problem,
        };
        let path = text
            .strip_prefix("sqlite://")
            .ok_or_else(|| refused("another scheme"))?;
        if path.is_empty() {
            return Err(refused("the path is empty"));
        }
        if path.contains('?') {
            return Err(refused("parameters are not supported"));
        }
        if path.starts_with(":memory:") {
            return Err(refused(
                "a store in memory cannot be shared by a worker's connections",
            ));
        }
        Ok(Self(PathBuf::from(path)))
    }
}

impl fmt::Display for SqliteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite://{}", self.0.display())
    }
}

/// One prepared SQLite file, opened: where the ports come from.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

/// What the ports of one opened store have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    identity: StoreIdentity,
    writer: Writer,
    readers: SqlitePool,
    clock: Clock,
    /// Rung after every commit of this process that queued something.
    bell: Notify,
}

impl SqliteStore {
    /// Opens a store that `migrate` has prepared.
    ///
    /// # Errors
    /// [`PortErrorKind::NotMigrated`] where there is no such store, or one of an older version;
    /// [`PortErrorKind::NewerSchema`] where a newer version prepared it; and what the file system says.
    pub async fn open(path: impl AsRef<Path>) -> PortResult<Self> {
        Self::open_with(path, Clock::system()).await
    }

    /// Prepares the file where that is needed, and opens it: for programs that embed the store.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub async fn create(path: impl AsRef<Path>) -> PortResult<Self> {
        SqliteMaintenance::at(path.as_ref()).migrate().await?;
        Self::open(path).await
    }

    /// As [`SqliteStore::open`], with another clock.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub async fn open_with(path: impl AsRef<Path>, clock: Clock) -> PortResult<Self> {
        const OPERATION: &str = "open";
        let path = path.as_ref();
        if !path.exists() {
            let detail = format!(
                "there is no store at `{}`, run `countersign migrate`",
                path.display()
            );
            return Err(PortError::new(
                PortErrorKind::NotMigrated,
                OPERATION,
                detail,
            ));
        }
        let readers = connect_options(path)
            .create_if_missing(false)
            .pragma("cache_size", READER_CACHE)
            .pragma("query_only", "ON");
        let readers = pool(readers, READERS).await?;
        maintenance::require_current_schema(&readers, OPERATION).await?;
        let shared = Shared {
            identity: read_identity(&readers).await?,
            writer: Writer::open(connect_options(path).create_if_missing(false)).await?,
            readers,
            clock,
            bell: Notify::new(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The run repository; it keeps this store's queue in step in its own commits.
    #[must_use]
    pub fn runs(&self) -> SqliteRuns {
        SqliteRuns::new(Arc::clone(&self.shared), QueueUpkeep::InCommit)
    }

    /// The run repository where the queue lives in another store.
    #[must_use]
    pub fn runs_apart_from_queue(&self) -> SqliteRuns {
        SqliteRuns::new(Arc::clone(&self.shared), QueueUpkeep::Caller)
    }

    /// The authority, read and written.
    #[must_use]
    pub fn authority(&self) -> SqliteAuthority {
        SqliteAuthority::new(Arc::clone(&self.shared))
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> SqliteQueue {
        SqliteQueue::new(Arc::clone(&self.shared))
    }

    /// The store as a home that is moved out of, or into.
    #[must_use]
    pub fn home(&self) -> SqliteMove {
        SqliteMove::new(Arc::clone(&self.shared), QueueUpkeep::InCommit)
    }

    /// The same where the queue lives in another store: runs that move in get no entries here.
    #[must_use]
    pub fn home_apart_from_queue(&self) -> SqliteMove {
        SqliteMove::new(Arc::clone(&self.shared), QueueUpkeep::Caller)
    }

    /// Waits for running statements and closes every connection.
    pub async fn close(&self) {
        self.shared.readers.close().await;
        self.shared.writer.close().await;
    }
}

impl Shared {
    pub(crate) fn identity(&self) -> &StoreIdentity {
        &self.identity
    }

    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    pub(crate) fn bell(&self) -> &Notify {
        &self.bell
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Takes the write lock. Whatever is read from here on stays true until the commit.
    pub(crate) async fn write(&self, operation: &'static str) -> PortResult<Write> {
        self.writer.write(operation).await
    }

    /// Opens one snapshot.
    pub(crate) async fn read(
        &self,
        operation: &'static str,
    ) -> PortResult<Transaction<'static, Sqlite>> {
        self.readers.begin().await.map_err(failed(operation))
    }
}

async fn read_identity(pool: &SqlitePool) -> PortResult<StoreIdentity> {
    let id: Option<String> = sqlx::query_scalar(include_str!("sql/store_id.sql"))
        .fetch_optional(pool)
        .await
        .map_err(failed("open"))?;
    let Some(id) = id else {
        let detail = "the store bears no schema marker";
        return Err(PortError::new(PortErrorKind::Corrupt, "open", detail));
    };
    let id: StoreId = id
        .parse()
        .map_err(|error| PortError::corrupt("open", "the store's id", error))?;
    Ok(StoreIdentity { id, kind: "sqlite" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_paths_to_the_letter() {
        let path = |text: &str| text.parse::<SqliteUrl>().map(|url| url.path().to_owned());
        assert_eq!(path("sqlite://a b.db"), Ok("a b.db".into()));
        assert_eq!(path("sqlite:///var/x.db"), Ok("/var/x.db".into()));
        for refused in [
            "sqlite://",
            "postgres://x",
            "sqlite://x?mode=ro",
            "sqlite://:memory:",
        ] {
            assert!(path(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn addresses_are_shown_as_they_are_written() {
        for written in ["sqlite://a b.db", "sqlite:///var/x.db"] {
            assert_eq!(written.parse::<SqliteUrl>().unwrap().to_string(), written);
        }
    }
}
