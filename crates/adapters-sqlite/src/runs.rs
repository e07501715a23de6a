//! The run repository: one file a verb, each a transaction that holds the write lock.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::{OperationRun, RunId, Submission, Timestamp};
use countersign_ports::{
    Backlog, BacklogQuery, Begun, Cancellation, Cancelled, Candidacy, ContextDetail, Elected,
    Finish, Finished, PortResult, Prune, Pruned, PutOff, QueueEntry, QueueUpkeep, ReadBack,
    Renewal, Renewed, Rescue, Rescued, Retried, Retry, RunCursor, RunFilter, RunKey, RunPage,
    RunRepository, Start, StoreIdentity, Submitted, Undecided, UndecidedPolicy,
};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

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
mod renew;
mod rescue;
mod retry;
mod submit;
mod succeed;

/// Runs in a SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteRuns {
    shared: Arc<Shared>,
    upkeep: QueueUpkeep,
}

impl SqliteRuns {
    pub(crate) fn new(shared: Arc<Shared>, upkeep: QueueUpkeep) -> Self {
        Self { shared, upkeep }
    }

    /// Writes the entries of runs that were queued, where this repository keeps the queue.
    async fn enqueue(
        &self,
        connection: &mut SqliteConnection,
        runs: &[RunId],
        now: Timestamp,
        operation: &'static str,
    ) -> PortResult<()> {
        match self.upkeep {
            QueueUpkeep::Caller => Ok(()),
            QueueUpkeep::InCommit if runs.is_empty() => Ok(()),
            QueueUpkeep::InCommit => {
                sqlx::query(include_str!("sql/enqueue.sql"))
                    .bind(json(&runs))
                    .bind(now.as_micros())
                    .execute(connection)
                    .await
                    .map_err(failed(operation))?;
                Ok(())
            }
        }
    }

    /// Removes the entries of runs that left `queued`, where this repository keeps the queue. Their ids
    /// are one JSON array.
    async fn dequeue(
        &self,
        connection: &mut SqliteConnection,
        runs: String,
        operation: &'static str,
    ) -> PortResult<()> {
        match self.upkeep {
            QueueUpkeep::Caller => Ok(()),
            QueueUpkeep::InCommit => {
                sqlx::query(include_str!("sql/dequeue.sql"))
                    .bind(runs)
                    .execute(connection)
                    .await
                    .map_err(failed(operation))?;
                Ok(())
            }
        }
    }
}

/// A batch as the one JSON parameter of its statement. These plain values always serialize; an empty
/// batch would change nothing.
pub(crate) fn json(batch: &impl serde::Serialize) -> String {
    serde_json::to_string(batch).unwrap_or_else(|_| "[]".to_owned())
}

/// The columns id, workspace, operation, queue, priority, due time.
pub(crate) fn read_entry(row: &SqliteRow, operation: &'static str) -> PortResult<QueueEntry> {
    entry_of(&mut Columns::of(row, operation))
}

fn entry_of(columns: &mut Columns<'_>) -> PortResult<QueueEntry> {
    let id = columns.parsed("run id")?;
    Ok(QueueEntry {
        run: RunKey {
            id,
            workspace_id: columns.parsed("workspace id")?,
        },
        operation_type: columns.parsed("operation type")?,
        queue_name: columns.parsed("queue name")?,
        priority: columns.number("priority")?,
        due_at: columns.time("due at")?,
    })
}

#[async_trait]
impl RunRepository for SqliteRuns {
    fn store(&self) -> &StoreIdentity {
        self.shared.identity()
    }

    fn queue_upkeep(&self) -> QueueUpkeep {
        self.upkeep
    }

    async fn clock(&self) -> PortResult<Timestamp> {
        Ok(self.shared.now())
    }

    async fn submit(&self, submissions: &[Submission]) -> PortResult<Vec<Submitted>> {
        submit::submit(self, submissions).await
    }

    async fn load(&self, runs: &[RunKey]) -> PortResult<Vec<Option<OperationRun>>> {
        let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
        let found = read::load(self, &ids).await?;
        let same_workspace = |(run, key): (Option<OperationRun>, &RunKey)| {
            run.filter(|run| run.workspace_id == key.workspace_id)
        };
        Ok(found.into_iter().zip(runs).map(same_workspace).collect())
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
        begin::read_back(self, starts).await
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
