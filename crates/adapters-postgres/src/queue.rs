//! The queue: entries that are ready, and entries that wait for their time.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::{OperationType, RunId, Timestamp};
use countersign_ports::{
    Acked, Delivery, PortResult, Push, QueueEntry, Receipt, Receive, RunKey, RunQueue,
    StoreIdentity,
};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::error::failed;
use crate::rows::{Columns, PgTime, micros, readable};
use crate::store::Shared;
use crate::transaction::again_on_conflict;

/// How many waiting entries one `receive` makes ready at the most.
const WAKE_AT_ONCE: i64 = 4096;

/// How often `wait` looks for itself. Whatever was not told is found so, and entries become due by
/// themselves.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The queue in a PostgreSQL schema.
#[derive(Debug, Clone)]
pub struct PostgresQueue {
    shared: Arc<Shared>,
}

impl PostgresQueue {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[async_trait]
impl RunQueue for PostgresQueue {
    fn store(&self) -> &StoreIdentity {
        self.shared.identity()
    }

    async fn push(&self, entries: &[QueueEntry]) -> PortResult<Vec<Push>> {
        let mut named = HashSet::with_capacity(entries.len());
        let rows: Vec<&QueueEntry> = entries
            .iter()
            .filter(|entry| named.insert(entry.run.id))
            .collect();
        let mut added = again_on_conflict(|| self.push_once(&rows)).await?;
        if !added.is_empty() {
            self.shared.ring();
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
        let mut chosen = self.chosen(receive).await?;
        chosen.sort_unstable_by_key(|one| (one.place, one.delivery.run.id));
        Ok(chosen.into_iter().map(|one| one.delivery).collect())
    }

    async fn ack(&self, deliveries: &[Delivery]) -> PortResult<Vec<Acked>> {
        const OPERATION: &str = "ack";
        let (runs, receipts) = receipts(deliveries);
        let done = again_on_conflict(|| async {
            let mut write = self.shared.write(OPERATION).await?;
            let rows = self
                .shared
                .query(include_str!("sql/ack.sql"))
                .bind(&runs)
                .bind(&receipts)
                .fetch_all(write.connection())
                .await
                .map_err(failed(OPERATION))?;
            let done = run_ids(&rows, OPERATION)?;
            write.commit().await?;
            Ok(done)
        })
        .await?;
        Ok(answers(deliveries, done))
    }

    async fn put_off(&self, deliveries: &[Delivery], wait: Duration) -> PortResult<Vec<Acked>> {
        const OPERATION: &str = "put_off_delivery";
        let (runs, receipts) = receipts(deliveries);
        let done = again_on_conflict(|| async {
            let mut write = self.shared.write(OPERATION).await?;
            let rows = self
                .shared
                .query(include_str!("sql/put_off_delivery.sql"))
                .bind(&runs)
                .bind(&receipts)
                .bind(micros(wait))
                .fetch_all(write.connection())
                .await
                .map_err(failed(OPERATION))?;
            let done = run_ids(&rows, OPERATION)?;
            write.commit().await?;
            Ok(done)
        })
        .await?;
        Ok(answers(deliveries, done))
    }

    async fn wait(&self, at_most: Duration) {
        let rung = self.shared.bell().rung();
        let until = tokio::time::Instant::now() + at_most;
        tokio::pin!(rung);
        loop {
            let next = until.min(tokio::time::Instant::now() + LOOK_EVERY);
            tokio::select! {
                () = &mut rung => return,
                () = tokio::time::sleep_until(next) => {}
            }
            if next == until || self.something_is_due().await {
                return;
            }
        }
    }
}

impl PostgresQueue {
    async fn push_once(&self, entries: &[&QueueEntry]) -> PortResult<HashSet<RunId>> {
        const OPERATION: &str = "push";
        macro_rules! each {
            ($of:expr) => {
                entries.iter().map($of).collect::<Vec<_>>()
            };
        }
        let mut write = self.shared.write(OPERATION).await?;
        let rows = self
            .shared
            .query(include_str!("sql/push.sql"))
            .bind(each!(|one| one.run.id.as_uuid()))
            .bind(each!(|one| one.run.workspace_id.as_str()))
            .bind(each!(|one| one.operation_type.as_str()))
            .bind(each!(|one| one.queue_name.as_str()))
            .bind(each!(|one| one.priority))
            .bind(each!(|one| PgTime(one.due_at)))
            .fetch_all(write.connection())
            .await
            .map_err(failed(OPERATION))?;
        let added = run_ids(&rows, OPERATION)?;
        write.commit().await?;
        Ok(added)
    }

    async fn chosen(&self, receive: &Receive<'_>) -> PortResult<Vec<Chosen>> {
        const OPERATION: &str = "receive";
        let operations: HashSet<&OperationType> = receive.operations.iter().collect();
        let operations: Vec<&str> = operations.into_iter().map(AsRef::as_ref).collect();
        let asked = || {
            self.shared
                .query(include_str!("sql/receive.sql"))
                .bind(receive.queue_name.as_str().to_owned())
                .bind(operations.clone())
                .bind(i64::from(receive.limit))
                .bind(micros(receive.invisible_for))
                .bind(WAKE_AT_ONCE)
        };
        let rows = self.shared.call_to_write(asked, OPERATION).await?;
        let chosen = rows
            .iter()
            .map(|row| Chosen::read(&mut Columns::of(row, OPERATION)));
        Ok(chosen.filter_map(readable).collect())
    }

    /// Whether any entry may be received. Errors say yes: the caller finds out what is wrong.
    async fn something_is_due(&self) -> bool {
        self.is_anything_due().await.unwrap_or(true)
    }

    async fn is_anything_due(&self) -> PortResult<bool> {
        const OPERATION: &str = "wait";
        let mut snapshot = self.shared.read(OPERATION).await?;
        let row = self
            .shared
            .query(include_str!("sql/anything_due.sql"))
            .fetch_one(&mut *snapshot)
            .await
            .map_err(failed(OPERATION))?;
        snapshot.commit().await.map_err(failed(OPERATION))?;
        Columns::of(&row, OPERATION).take()
    }
}

/// An entry that is handed out.
struct Chosen {
    delivery: Delivery,
    /// Where it stands in the order of the queue; the run's id after that.
    place: (Reverse<i16>, Timestamp),
}

impl Chosen {
    /// The columns run, workspace, operation, delivery, priority, due time.
    fn read(columns: &mut Columns<'_>) -> PortResult<Self> {
        let id = columns.run_id()?;
        Ok(Self {
            delivery: Delivery {
                run: RunKey {
                    id,
                    workspace_id: columns.parsed("workspace id")?,
                },
                operation_type: columns.parsed("operation type")?,
                receipt: Receipt(columns.take::<i64>()?.to_string()),
            },
            place: (Reverse(columns.take()?), columns.time()?),
        })
    }
}

/// A receipt is the number of the delivery; one that is no number matches nothing.
fn receipts(deliveries: &[Delivery]) -> (Vec<Uuid>, Vec<i64>) {
    deliveries
        .iter()
        .map(|delivery| {
            let number = delivery.receipt.0.parse().unwrap_or(-1);
            (delivery.run.id.as_uuid(), number)
        })
        .unzip()
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

fn run_ids(rows: &[PgRow], operation: &'static str) -> PortResult<HashSet<RunId>> {
    rows.iter()
        .map(|row| Columns::of(row, operation).run_id())
        .collect()
}
