//! The queue: entries that are ready, and entries that wait for their time.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::{OperationType, RunId, Timestamp};
use countersign_ports::{
    Acked, Delivery, PortError, PortResult, Push, QueueEntry, Receipt, Receive, RunKey, RunQueue,
    StoreIdentity,
};
use serde::Deserialize;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::error::failed;
use crate::rows::{Columns, readable};
use crate::runs::json;
use crate::store::Shared;

/// How many waiting entries one `receive` makes ready at the most.
const WAKE_AT_ONCE: u32 = 4096;

/// How often `wait` looks for commits of other processes.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The queue in a SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteQueue {
    shared: Arc<Shared>,
}

impl SqliteQueue {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[async_trait]
impl RunQueue for SqliteQueue {
    fn store(&self) -> &StoreIdentity {
        self.shared.identity()
    }

    async fn push(&self, entries: &[QueueEntry]) -> PortResult<Vec<Push>> {
        const OPERATION: &str = "push";
        let mut named = HashSet::with_capacity(entries.len());
        let rows: Vec<_> = entries
            .iter()
            .filter(|entry| named.insert(entry.run.id))
            .map(|entry| {
                (
                    entry.run.id,
                    &entry.run.workspace_id,
                    &entry.operation_type,
                    &entry.queue_name,
                    entry.priority,
                    entry.due_at.as_micros(),
                )
            })
            .collect();
        let mut write = self.shared.write(OPERATION).await?;
        let added = sqlx::query(include_str!("sql/push.sql"))
            .bind(json(&rows))
            .bind(self.shared.now().as_micros())
            .fetch_all(write.connection())
            .await
            .map_err(failed(OPERATION))?;
        let mut added = run_ids(&added, OPERATION)?;
        write.commit().await?;
        if !added.is_empty() {
            self.shared.bell().notify_one();
        }
        let answer = |entry: &QueueEntry| {
            if added.remove(&entry.run.id) {
                Push::Added
            } else {
                Push::Present
            }
        };
        Ok(entries.iter().map(answer).collect())
    }

    async fn receive<'a>(&self, receive: &Receive<'a>) -> PortResult<Vec<Delivery>> {
        const OPERATION: &str = "receive";
        let mut write = self.shared.write(OPERATION).await?;
        let now = self.shared.now();
        wake(write.connection(), now).await?;
        let chosen = choose(write.connection(), receive).await?;
        if !chosen.is_empty() {
            let entries: Vec<i64> = chosen.iter().map(|one| one.entry).collect();
            sqlx::query(include_str!("sql/receive.sql"))
                .bind(json(&entries))
                .bind(now.plus(receive.invisible_for).as_micros())
                .execute(write.connection())
                .await
                .map_err(failed(OPERATION))?;
        }
        write.commit().await?;
        let deliveries = chosen.into_iter().map(|one| one.delivery);
        Ok(deliveries.filter_map(readable).collect())
    }

    async fn ack(&self, deliveries: &[Delivery]) -> PortResult<Vec<Acked>> {
        const OPERATION: &str = "ack";
        let mut write = self.shared.write(OPERATION).await?;
        let rows = sqlx::query(include_str!("sql/ack.sql"))
            .bind(json(&receipts(deliveries)))
            .fetch_all(write.connection())
            .await
            .map_err(failed(OPERATION))?;
        let done = run_ids(&rows, OPERATION)?;
        write.commit().await?;
        Ok(answers(deliveries, done))
    }

    async fn put_off(&self, deliveries: &[Delivery], wait: Duration) -> PortResult<Vec<Acked>> {
        const OPERATION: &str = "put_off_delivery";
        let mut write = self.shared.write(OPERATION).await?;
        let rows = sqlx::query(include_str!("sql/put_off_delivery.sql"))
            .bind(json(&receipts(deliveries)))
            .bind(self.shared.now().plus(wait).as_micros())
            .fetch_all(write.connection())
            .await
            .map_err(failed(OPERATION))?;
        let done = run_ids(&rows, OPERATION)?;
        write.commit().await?;
        Ok(answers(deliveries, done))
    }

    async fn wait(&self, at_most: Duration) {
        let rung = self.shared.bell().notified();
        let since = tokio::time::Instant::now();
        tokio::pin!(rung);
        loop {
            let left = at_most.saturating_sub(since.elapsed());
            tokio::select! {
                () = &mut rung => return,
                () = tokio::time::sleep(left.min(LOOK_EVERY)) => {}
            }
            if left <= LOOK_EVERY || self.something_is_due().await {
                return;
            }
        }
    }
}

impl SqliteQueue {
    /// Whether any entry may be received. Errors say yes: the caller finds out what is wrong.
    async fn something_is_due(&self) -> bool {
        sqlx::query_scalar(include_str!("sql/anything_due.sql"))
            .bind(self.shared.now().as_micros())
            .fetch_one(self.shared.readers())
            .await
            .unwrap_or(true)
    }
}

async fn wake(connection: &mut SqliteConnection, now: Timestamp) -> PortResult<()> {
    sqlx::query(include_str!("sql/wake.sql"))
        .bind(now.as_micros())
        .bind(WAKE_AT_ONCE)
        .execute(connection)
        .await
        .map_err(failed("receive"))?;
    Ok(())
}

/// A ready entry that is to be handed out.
struct Chosen {
    entry: i64,
    /// A malformed one is claimed with the others, or it would stand before them for ever.
    delivery: PortResult<Delivery>,
    /// Where it stands in the order of the queue; the run's id after that.
    place: (Reverse<i64>, i64, String),
}

/// The first ready entries over all operations: each operation's own first ones, merged. One index
/// scan an operation, so that entries of others cost nothing.
async fn choose(
    connection: &mut SqliteConnection,
    receive: &Receive<'_>,
) -> PortResult<Vec<Chosen>> {
    const OPERATION: &str = "receive";
    let mut first: Vec<Chosen> = Vec::new();
    let operations: HashSet<&OperationType> = receive.operations.iter().collect();
    for operation in operations {
        let answer: String = sqlx::query_scalar(include_str!("sql/ready.sql"))
            .bind(receive.queue_name.as_str())
            .bind(operation.as_str())
            .bind(receive.limit)
            .fetch_one(&mut *connection)
            .await
            .map_err(failed(OPERATION))?;
        let ready: Vec<Ready> = serde_json::from_str(&answer)
            .map_err(|error| PortError::corrupt(OPERATION, "an entry of the queue", error))?;
        first.extend(ready.into_iter().map(|ready| ready.chosen(operation)));
    }
    first.sort_unstable_by(|one, other| one.place.cmp(&other.place));
    first.truncate(usize::try_from(receive.limit).unwrap_or(usize::MAX));
    Ok(first)
}

/// Entry, run, workspace, delivery, priority, due at: as `sql/ready.sql` has them.
#[derive(Deserialize)]
struct Ready(i64, String, String, i64, i64, i64);

impl Ready {
    fn chosen(self, operation: &OperationType) -> Chosen {
        let Self(entry, id, workspace_id, delivery, priority, due_at) = self;
        let delivery = parsed("run id", &id).and_then(|id| {
            let workspace_id = parsed("workspace id", &workspace_id)?;
            Ok(Delivery {
                run: RunKey { id, workspace_id },
                operation_type: operation.clone(),
                receipt: Receipt(delivery.to_string()),
            })
        });
        Chosen {
            entry,
            delivery,
            place: (Reverse(priority), due_at, id),
        }
    }
}

fn parsed<T>(what: &'static str, text: &str) -> PortResult<T>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let corrupt = |error| PortError::corrupt("receive", format_args!("{what} `{text}`"), error);
    text.parse().map_err(corrupt)
}

/// A receipt is the number of the delivery; one that is no number matches nothing.
fn receipts(deliveries: &[Delivery]) -> Vec<(RunId, i64)> {
    deliveries
        .iter()
        .map(|delivery| (delivery.run.id, delivery.receipt.0.parse().unwrap_or(-1)))
        .collect()
}

fn answers(deliveries: &[Delivery], mut done: HashSet<RunId>) -> Vec<Acked> {
    let answer = |delivery: &Delivery| {
        if done.remove(&delivery.run.id) {
            Acked::Done
        } else {
            Acked::Stale
        }
    };
    deliveries.iter().map(answer).collect()
}

fn run_ids(rows: &[SqliteRow], operation: &'static str) -> PortResult<HashSet<RunId>> {
    rows.iter()
        .map(|row| Columns::of(row, operation).parsed("run id"))
        .collect()
}
