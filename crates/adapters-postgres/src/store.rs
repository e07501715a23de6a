//! Opening a store, and what its ports share.

use std::sync::Arc;

use countersign_domain::StoreId;
use countersign_ports::{
    PortError, PortErrorKind, PortResult, QueueUpkeep, StoreIdentity, StoreMaintenance,
};
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, SqlStr, Transaction};
use uuid::Uuid;

use crate::bell::Bell;
use crate::connect::pool;
use crate::error::{call_failed, failed, is_conflict, is_read_only};
use crate::kept::Kept;
use crate::maintenance::{self, PostgresMaintenance};
use crate::transaction::{Write, again_on_conflict, browse, snapshot};
use crate::{PostgresAuthority, PostgresMove, PostgresQueue, PostgresRuns, PostgresUrl, Schema};

/// One prepared store, opened: where the ports come from.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
}

/// What the ports of one opened store have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    identity: StoreIdentity,
    pool: PgPool,
    kept: Kept,
    schema: Schema,
    keeps_statements: bool,
    bell: Bell,
}

impl PostgresStore {
    /// Opens a store that `migrate` has prepared.
    ///
    /// # Errors
    /// [`PortErrorKind::NotMigrated`] where the schema holds no store, or one of an older version;
    /// [`PortErrorKind::NewerSchema`] where a newer version prepared it; [`PortErrorKind::Refused`] for a
    /// standby; and what the server says.
    pub async fn open(url: &PostgresUrl) -> PortResult<Self> {
        const OPERATION: &str = "open";
        let pool = pool(url, OPERATION).await?;
        maintenance::require_current_schema(&pool, url.schema(), OPERATION).await?;
        let shared = Shared {
            identity: read_identity(&pool, url.schema()).await?,
            kept: Kept::new(pool.clone()),
            pool,
            schema: url.schema().clone(),
            keeps_statements: url.keeps_statements(),
            bell: Bell::new(url),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Prepares the schema where that is needed, and opens it: for programs that embed the store.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn create(url: &PostgresUrl) -> PortResult<Self> {
        PostgresMaintenance::at(url).migrate().await?;
        Self::open(url).await
    }

    /// The run repository; it keeps this store's queue in step in its own commits.
    #[must_use]
    pub fn runs(&self) -> PostgresRuns {
        PostgresRuns::new(Arc::clone(&self.shared), QueueUpkeep::InCommit)
    }

    /// The run repository where the queue lives in another store.
    #[must_use]
    pub fn runs_apart_from_queue(&self) -> PostgresRuns {
        PostgresRuns::new(Arc::clone(&self.shared), QueueUpkeep::Caller)
    }

    /// The authority, read and written.
    #[must_use]
    pub fn authority(&self) -> PostgresAuthority {
        PostgresAuthority::new(Arc::clone(&self.shared))
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> PostgresQueue {
        PostgresQueue::new(Arc::clone(&self.shared))
    }

    /// The store as a home that is moved out of, or into.
    #[must_use]
    pub fn home(&self) -> PostgresMove {
        PostgresMove::new(Arc::clone(&self.shared), QueueUpkeep::InCommit)
    }

    /// The same where the queue lives in another store: runs that move in get no entries here.
    #[must_use]
    pub fn home_apart_from_queue(&self) -> PostgresMove {
        PostgresMove::new(Arc::clone(&self.shared), QueueUpkeep::Caller)
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.shared.pool
    }

    /// Waits for running statements and closes every connection.
    pub async fn close(&self) {
        self.shared.bell.close();
        self.shared.kept.close();
        self.shared.pool.close().await;
    }
}

impl Shared {
    pub(crate) fn identity(&self) -> &StoreIdentity {
        &self.identity
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Tells whoever waits that something was queued.
    pub(crate) fn ring(&self) {
        self.bell.ring(&self.pool);
    }

    /// A statement as it reads for this store's schema.
    pub(crate) fn sql(&self, written: &'static str) -> SqlStr {
        self.schema.sql(written)
    }

    /// A statement for this store's schema, to be bound and run in a transaction.
    pub(crate) fn query(&self, written: &'static str) -> Query<'static, Postgres, PgArguments> {
        sqlx::query(self.sql(written)).persistent(self.keeps_statements)
    }

    /// Asks a function of the schema that brings its own settings with it: one round trip.
    ///
    /// Where statements are not kept they are prepared anew each time, and a proxy that pools transactions may take
    /// that to another server than the call: there it is a transaction.
    pub(crate) async fn call(
        &self,
        query: Query<'static, Postgres, PgArguments>,
        operation: &'static str,
    ) -> PortResult<Vec<PgRow>> {
        if self.keeps_statements {
            return self.ask(query, operation).await?.map_err(failed(operation));
        }
        self.call_in_transaction(query, operation).await
    }

    /// Asks a function that writes: one round trip, and a transaction where what the server is set to is in its way,
    /// another isolation level or reading only.
    pub(crate) async fn call_to_write(
        &self,
        query: impl Fn() -> Query<'static, Postgres, PgArguments>,
        operation: &'static str,
    ) -> PortResult<Vec<PgRow>> {
        if self.keeps_statements {
            match self.ask(query(), operation).await? {
                Err(error) if is_conflict(&error) || is_read_only(&error) => {}
                answered => return answered.map_err(failed(operation)),
            }
        }
        again_on_conflict(|| self.call_in_transaction(query(), operation)).await
    }

    /// Asks a function that writes what others rely on. Where the connection is lost once it was asked, nobody knows
    /// whether it has committed.
    pub(crate) async fn call_durably(
        &self,
        query: impl Fn() -> Query<'static, Postgres, PgArguments>,
        operation: &'static str,
    ) -> PortResult<Vec<PgRow>> {
        if self.keeps_statements {
            match self.ask(query(), operation).await? {
                Err(error) if is_conflict(&error) || is_read_only(&error) => {}
                answered => return answered.map_err(call_failed(operation)),
            }
        }
        again_on_conflict(|| self.call_in_transaction(query(), operation)).await
    }

    /// What became of a call once there was a connection for it.
    async fn ask(
        &self,
        query: Query<'static, Postgres, PgArguments>,
        operation: &'static str,
    ) -> PortResult<Result<Vec<PgRow>, sqlx::Error>> {
        let mut line = self.kept.take().await.map_err(failed(operation))?;
        let answered = query.fetch_all(line.connection()).await;
        if answered.is_ok() {
            self.kept.keep(line);
        }
        Ok(answered)
    }

    async fn call_in_transaction(
        &self,
        query: Query<'static, Postgres, PgArguments>,
        operation: &'static str,
    ) -> PortResult<Vec<PgRow>> {
        let mut call = Write::plain(&self.pool, operation).await?;
        let rows = query.fetch_all(call.connection()).await;
        let rows = rows.map_err(failed(operation))?;
        call.commit().await?;
        Ok(rows)
    }

    /// Begins a transaction whose commit is durable before it is answered.
    pub(crate) async fn write(&self, operation: &'static str) -> PortResult<Write> {
        Write::durable(&self.pool, operation).await
    }

    /// Begins a transaction that goes through a whole table, and whose commit may be lost with the server.
    pub(crate) async fn write_thoroughly(&self, operation: &'static str) -> PortResult<Write> {
        Write::thorough(&self.pool, operation).await
    }

    /// Opens one snapshot.
    pub(crate) async fn read(
        &self,
        operation: &'static str,
    ) -> PortResult<Transaction<'static, Postgres>> {
        snapshot(&self.pool, operation).await
    }

    /// Opens one snapshot for a statement that is planned by the statistics.
    pub(crate) async fn browse(
        &self,
        operation: &'static str,
    ) -> PortResult<Transaction<'static, Postgres>> {
        browse(&self.pool, operation).await
    }
}

async fn read_identity(pool: &PgPool, schema: &Schema) -> PortResult<StoreIdentity> {
    const OPERATION: &str = "open";
    let mut snapshot = browse(pool, OPERATION).await?;
    let id: Option<Uuid> = sqlx::query_scalar(schema.sql(include_str!("sql/store_id.sql")))
        .persistent(false)
        .fetch_optional(&mut *snapshot)
        .await
        .map_err(failed(OPERATION))?;
    snapshot.commit().await.map_err(failed(OPERATION))?;
    let Some(id) = id else {
        let detail = "the store bears no schema marker";
        return Err(PortError::new(PortErrorKind::Corrupt, OPERATION, detail));
    };
    Ok(StoreIdentity {
        id: StoreId::from(id),
        kind: "postgres",
    })
}
