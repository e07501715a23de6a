//! The one writing connection of a process, and the transactions that hold the file's write lock.
//!
//! A lock of its own and no pool: a pool asks a connection how it is whenever it is given back, and as long
//! as that takes nobody writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use countersign_ports::{PortError, PortErrorKind, PortResult};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::{commit_failed, failed};

/// How long a transaction waits for those of its own process.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writers of one process take turns here, in the order they came; those of others wait at the file.
#[derive(Debug)]
pub(crate) struct Writer {
    options: SqliteConnectOptions,
    /// The connection, while nobody writes. None where the last transaction did not commit.
    idle: Arc<Mutex<Option<SqliteConnection>>>,
    closed: AtomicBool,
}

impl Writer {
    pub(crate) async fn open(options: SqliteConnectOptions) -> PortResult<Self> {
        let writer = Self {
            options,
            idle: Arc::default(),
            closed: AtomicBool::new(false),
        };
        *writer.idle.lock().await = Some(writer.connect("open").await?);
        Ok(writer)
    }

    /// Takes the write lock. Whatever is read from here on stays true until the commit.
    pub(crate) async fn write(&self, operation: &'static str) -> PortResult<Write> {
        let turn = Arc::clone(&self.idle).lock_owned();
        let mut turn = tokio::time::timeout(PATIENCE, turn).await.map_err(|_| {
            let detail = "no connection became free in time";
            PortError::new(PortErrorKind::Busy, operation, detail)
        })?;
        if self.closed.load(Ordering::Acquire) {
            let detail = "the store was closed";
            return Err(PortError::new(
                PortErrorKind::Unavailable,
                operation,
                detail,
            ));
        }
        let mut connection = match turn.take() {
            Some(connection) => connection,
            None => self.connect(operation).await?,
        };
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut connection)
            .await
            .map_err(failed(operation))?;
        Ok(Write {
            turn,
            connection,
            operation,
        })
    }

    async fn connect(&self, operation: &'static str) -> PortResult<SqliteConnection> {
        SqliteConnection::connect_with(&self.options)
            .await
            .map_err(failed(operation))
    }

    /// Waits for the transaction under way and closes the connection.
    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if let Some(connection) = self.idle.lock().await.take()
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "the writing connection did not close cleanly");
        }
    }
}

/// A transaction that holds the write lock.
///
/// One that does not commit takes its connection with it: the file is as it was before, whatever the
/// transaction came to, and nothing of it is left for the next one to trip over.
pub(crate) struct Write {
    turn: OwnedMutexGuard<Option<SqliteConnection>>,
    connection: SqliteConnection,
    operation: &'static str,
}

impl Write {
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub(crate) async fn commit(mut self) -> PortResult<()> {
        sqlx::query("COMMIT")
            .execute(&mut self.connection)
            .await
            .map_err(commit_failed(self.operation))?;
        *self.turn = Some(self.connection);
        Ok(())
    }
}
