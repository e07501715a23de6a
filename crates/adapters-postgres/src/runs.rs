//! The run repository: one file a verb, each a transaction.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::{OperationRun, RunId, Submission, Timestamp};
use countersign_ports::{
    Backlog, BacklogQuery, Begun, Cancellation, Cancelled, Candidacy, ContextDetail, Elected,
    Finish, Finished, PortResult, Prune, Pruned, PutOff, QueueEntry, QueueUpkeep, ReadBack,
    Renewal, Renewed, Rescue, Rescued, Retried, Retry, RunCursor, RunFilter, RunKey, RunPage,
    RunRepository, Start, StoreIdentity, Submitted, Undecided, UndecidedPolicy,
};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use self::begin::pace::Pace;
use crate::error::failed;
use crate::rows::Columns;
use crate::store::Shared;

mod begin;
mod cancel;
mod finish;
mod lease;
mod offices;
mod prune;
mod put_off;
mod read;
mod read_back;
mod renew;
mod rescue;
mod retry;
mod submit;
mod succeed;

/// Runs in a PostgreSQL schema.
#[derive(Debug, Clone)]
pub struct PostgresRuns {
    shared: Arc<Shared>,
    upkeep: QueueUpkeep,
    pace: Arc<Pace>,
}

impl PostgresRuns {
    pub(crate) fn new(shared: Arc<Shared>, upkeep: QueueUpkeep) -> Self {
        Self {
            shared,
            upkeep,
            pace: Arc::new(Pace::new()),
        }
    }

    /// Queues runs in a transaction of the caller's: they are queued when, and only when, it commits.
    ///
    /// Behaves as [`RunRepository::submit`] otherwise. Workers are told at the commit. How durable the
    /// commit is remains the caller's decision.
    ///
    /// # Errors
    /// As [`RunRepository::submit`]; after one the transaction is of no more use, as after any error of
    /// PostgreSQL's.
    pub async fn submit_in(
        &self,
        connection: &mut PgConnection,
        submissions: &[Submission],
    ) -> PortResult<Vec<Submitted>> {
        submit::submit_in(self, connection, submissions).await
    }

    /// Writes the entries of runs that were queued, where this repository keeps the queue.
    async fn enqueue(
        &self,
        connection: &mut PgConnection,
        runs: &[RunId],
        operation: &'static str,
    ) -> PortResult<()> {
        match self.upkeep {
            QueueUpkeep::Caller => Ok(()),
            QueueUpkeep::InCommit if runs.is_empty() => Ok(()),
            QueueUpkeep::InCommit => {
                self.shared
                    .query(include_str!("sql/enqueue.sql"))
                    .bind(uuids(runs))
                    .execute(connection)
                    .await
                    .map_err(failed(operation))?;
                Ok(())
            }
        }
    }

    /// Removes the entries of runs that left `queued`, where this repository keeps the queue.
    async fn dequeue(
        &self,
        connection: &mut PgConnection,
        runs: &[Uuid],
        operation: &'static str,
    ) -> PortResult<()> {
        match self.upkeep {
            QueueUpkeep::Caller => Ok(()),
            QueueUpkeep::InCommit if runs.is_empty() => Ok(()),
            QueueUpkeep::InCommit => {
                self.shared
                    .query(include_str!("sql/dequeue.sql"))
                    .bind(runs)
                    .execute(connection)
                    .await
                    .map_err(failed(operation))?;
                Ok(())
            }
        }
    }
}

fn uuids(runs: &[RunId]) -> Vec<Uuid> {
    runs.iter().map(|id| id.as_uuid()).collect()
}

/// The columns id, workspace, operation, queue, priority, due time.
fn entry_of(columns: &mut Columns<'_>) -> PortResult<QueueEntry> {
    let id = columns.run_id()?;
    Ok(QueueEntry {
        run: RunKey {
            id,
            workspace_id: columns.parsed("workspace id")?,
        },
        operation_type: columns.parsed("operation type")?,
        queue_name: columns.parsed("queue name")?,
        priority: columns.take()?,
        due_at: columns.time()?,
    })
}

/// The server's clock, read now: after whatever locks the transaction holds.
async fn clock(
    shared: &Shared,
    connection: &mut PgConnection,
    operation: &'static str,
) -> PortResult<Timestamp> {
    let row: PgRow = shared
        .query("SELECT clock_timestamp()")
        .fetch_one(connection)
        .await
        .map_err(failed(operation))?;
    Columns::of(&row, operation).time()
}

#[async_trait]
impl RunRepository for PostgresRuns {
    fn store(&self) -> &StoreIdentity {
        self.shared.identity()
    }

    fn queue_upkeep(&self) -> QueueUpkeep {
        self.upkeep
    }

    async fn clock(&self) -> PortResult<Timestamp> {
        const OPERATION: &str = "clock";
        let mut transaction = self.shared.browse(OPERATION).await?;
        let now = clock(&self.shared, &mut transaction, OPERATION).await?;
        transaction.commit().await.map_err(failed(OPERATION))?;
        Ok(now)
    }

    async fn submit(&self, submissions: &[Submission]) -> PortResult<Vec<Submitted>> {
        submit::submit(self, submissions).await
    }

    async fn load(&self, runs: &[RunKey]) -> PortResult<Vec<Option<OperationRun>>> {
        read::load(self, runs).await
    }

    async fn find(&self, runs: &[RunId]) -> PortResult<Vec<Option<OperationRun>>> {
        read::find(self, runs).await
    }

    async fn list(
        &self,
        filter: &RunFilter,
        after: Option<RunCursor>,
        limit: u32,
        detail: ContextDetail,
    ) -> PortResult<RunPage> {
        read::list(self, filter, after, limit, detail).await
    }

    async fn begin(&self, starts: &[Start]) -> PortResult<Vec<Begun>> {
        begin::begin(self, starts).await
    }

    async fn read_back(&self, starts: &[Start]) -> PortResult<Vec<ReadBack>> {
        read_back::read_back(self, starts).await
    }

    async fn renew(&self, renewals: &[Renewal]) -> PortResult<Vec<Renewed>> {
        renew::renew(self, renewals).await
    }

    async fn finish(&self, finishes: &[Finish]) -> PortResult<Vec<Finished>> {
        finish::finish(self, finishes).await
    }

    async fn put_off(
        &self,
        undecided: &[Undecided],
        policy: &UndecidedPolicy,
    ) -> PortResult<Vec<PutOff>> {
        put_off::put_off(self, undecided, policy).await
    }

    async fn cancel(&self, cancellations: &[Cancellation]) -> PortResult<Vec<Cancelled>> {
        cancel::cancel(self, cancellations).await
    }

    async fn retry(&self, retries: &[Retry]) -> PortResult<Vec<Retried>> {
        retry::retry(self, retries).await
    }

    async fn rescue(&self, rescue: &Rescue) -> PortResult<Vec<Rescued>> {
        rescue::rescue(self, rescue).await
    }

    async fn queued_entries(
        &self,
        after: Option<RunId>,
        limit: u32,
    ) -> PortResult<Vec<QueueEntry>> {
        read::queued_entries(self, after, limit).await
    }

    async fn elect<'a>(&self, candidacy: &Candidacy<'a>) -> PortResult<Elected> {
        offices::elect(self, candidacy).await
    }

    async fn step_down(&self, office: &str, holder: &str) -> PortResult<()> {
        offices::step_down(self, office, holder).await
    }

    async fn prune(&self, prune: &Prune) -> PortResult<Pruned> {
        prune::prune(self, prune).await
    }

    async fn backlog<'a>(&self, query: &BacklogQuery<'a>) -> PortResult<Backlog> {
        read::backlog(self, query).await
    }
}
