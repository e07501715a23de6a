//! Connections to the file, and what each is set to.

use std::path::Path;
use std::time::Duration;

use countersign_ports::PortResult;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, SqliteConnection};

use crate::error::failed;

/// How long a statement waits for another process's commit.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Pages of log between checkpoints: 32 MiB, so that a drain is not held up by them.
const CHECKPOINT_PAGES: &str = "8192";

/// The writer's page cache, in KiB as SQLite counts them: its working set is large.
const WRITER_CACHE: &str = "-16384";

/// What every connection to a store is set to. G2 and G5 rest on `FULL`: a commit that was answered
/// survives the loss of power.
pub(crate) fn connect_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(false)
        .statement_cache_capacity(256)
        .row_buffer_size(1024)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("cache_size", WRITER_CACHE)
        .pragma("temp_store", "MEMORY")
}

pub(crate) async fn pool(
    options: SqliteConnectOptions,
    connections: u32,
) -> PortResult<SqlitePool> {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(BUSY_TIMEOUT.saturating_mul(3))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(discard_if_stuck(connection)))
        .connect_with(options)
        .await
        .map_err(failed("open"))
}

/// SQLite rolls a transaction back by itself where the disk is full or the medium fails; then the driver
/// does not know that it ended, and the connection would refuse every transaction after it.
async fn discard_if_stuck(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn one_connection() -> (tempfile::TempDir, SqlitePool) {
        let directory = tempfile::tempdir().unwrap();
        let options = connect_options(&directory.path().join("store.db")).create_if_missing(true);
        (directory, pool(options, 1).await.unwrap())
    }

    #[tokio::test]
    async fn a_connection_whose_transaction_ended_by_itself_is_not_used_again() {
        let (_directory, pool) = one_connection().await;
        let twice = "CREATE TABLE ids (id PRIMARY KEY); \
                     INSERT OR ROLLBACK INTO ids VALUES (1), (1)";
        let mut transaction = pool.begin().await.unwrap();
        let refused = sqlx::raw_sql(twice).execute(&mut *transaction).await;
        assert!(refused.unwrap_err().to_string().contains("UNIQUE"));
        drop(transaction);
        let again = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
        again.commit().await.unwrap();
    }

    #[tokio::test]
    async fn any_other_connection_is_used_again() {
        let (_directory, pool) = one_connection().await;
        let mark = "CREATE TEMP TABLE mark (one)";
        sqlx::raw_sql(mark).execute(&pool).await.unwrap();
        sqlx::raw_sql("SELECT * FROM mark")
            .execute(&pool)
            .await
            .unwrap();
    }
}
