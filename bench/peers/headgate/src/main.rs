//! headgate, on the store that it is given. Jobs that are done are deleted, which is its default.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bench_peer::{Failure, Peer, Task, ended, entered};
use headgate::{BackoffConfig, Client, JobCtx, Registry, Worker, WorkerConfig};
use headgate_core::{Envelope, Store};
use headgate_migrate::{Direction, migrate_postgres};
use headgate_postgres::PgStore;
use headgate_redis::RedisStore;
use headgate_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

/// How many handlers run, and how many jobs are claimed, at a time.
const CAPACITY: u32 = 500;
/// How many jobs of one partition are claimed at a time.
const QUANTUM: i64 = 500;
/// How long an idle worker waits at the least before it looks again.
const FLOOR: Duration = Duration::from_millis(1);
/// How long at the most.
const CEILING: Duration = Duration::from_millis(10);
/// How many jobs are queued in one call.
const PAGE: usize = 1000;
const CONNECTIONS: usize = 8;
const QUEUE: &str = "default";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let names = |scheme: &str| words.iter().any(|word| word.starts_with(scheme));
    let runtime = bench_peer::runtime();
    if names("sqlite://") {
        bench_peer::main::<Headgate<SqliteStore>>(runtime)
    } else if names("redis://") {
        bench_peer::main::<Headgate<RedisStore>>(runtime)
    } else {
        bench_peer::main::<Headgate<PgStore>>(runtime)
    }
}

/// A store of headgate's, made at an address.
trait Open: Store + Sized + 'static {
    async fn open_at(store: &str) -> Result<Self, Failure>;
}

impl Open for PgStore {
    async fn open_at(store: &str) -> Result<Self, Failure> {
        let (mut client, connection) =
            tokio_postgres::connect(store, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        migrate_postgres(&mut client, Direction::Up, Default::default()).await?;
        Ok(Self::connect(store, CONNECTIONS)?)
    }
}

impl Open for RedisStore {
    async fn open_at(store: &str) -> Result<Self, Failure> {
        Ok(Self::connect(store, "bench").await?)
    }
}

impl Open for SqliteStore {
    async fn open_at(store: &str) -> Result<Self, Failure> {
        let file = store.trim_start_matches("sqlite://");
        Ok(Self::open(file).await?)
    }
}

struct Headgate<S> {
    store: Arc<S>,
    client: Client,
    queued: AtomicU64,
}

impl<S: Open> Headgate<S> {
    fn job(&self) -> Result<Envelope, Failure> {
        let number = self.queued.fetch_add(1, Ordering::Relaxed);
        let envelope = Envelope {
            id: format!("job-{number}"),
            kind: <NoOp as headgate::Task>::TYPE.to_owned(),
            payload: serde_json::to_vec(&NoOp { number })?,
            queue: QUEUE.to_owned(),
            ..Envelope::default()
        };
        headgate::prepare_envelope(envelope).map_err(Failure::from)
    }
}

impl<S: Open> Peer for Headgate<S> {
    type Working = JoinHandle<()>;

    async fn open(task: &Task) -> Result<Self, Failure> {
        let store = Arc::new(S::open_at(&task.store).await?);
        let client = Client::new(store.clone());
        Ok(Self {
            store,
            client,
            queued: AtomicU64::new(0),
        })
    }

    fn setting(&self) -> String {
        format!(
            "capacity {CAPACITY}, quantum {QUANTUM}, polls after {} to {} ms, queued by {PAGE}",
            FLOOR.as_millis(),
            CEILING.as_millis()
        )
    }

    async fn submit(&self, jobs: usize) -> Result<(), Failure> {
        for first in (0..jobs).step_by(PAGE) {
            let page = (first..jobs.min(first + PAGE)).map(|_| self.job());
            let page = page.collect::<Result<Vec<_>, _>>()?;
            self.client.enqueue(&page).await?;
        }
        Ok(())
    }

    async fn submit_one(&self) -> Result<(), Failure> {
        Ok(self.client.enqueue(&[self.job()?]).await?)
    }

    async fn work(&self) -> Result<JoinHandle<()>, Failure> {
        let mut registry = Registry::new();
        registry.register::<NoOp, _, _>(|_: JobCtx, _| async {
            entered();
            Ok(())
        })?;
        let config = WorkerConfig {
            queues: vec![QUEUE.to_owned()],
            capacity: CAPACITY,
            quantum: QUANTUM,
            poll: BackoffConfig {
                floor: FLOOR,
                ceiling: CEILING,
                ..BackoffConfig::default()
            },
            ..WorkerConfig::default()
        };
        let (worker, handle) = Worker::new(self.store.clone(), registry, config);
        Ok(tokio::spawn(async move {
            let how = worker.run().await;
            // It would end as soon as nobody held its handle.
            drop(handle);
            ended(how);
        }))
    }

    async fn has_recorded(&self, _: &mut JoinHandle<()>, _jobs: usize) -> Result<bool, Failure> {
        let inspect = self.store.as_inspect().ok_or("it cannot be inspected")?;
        let stats = inspect.queue_stats().await?;
        Ok(stats.iter().all(|queue| queue.unfinished_jobs == 0))
    }
}

#[derive(Debug, Deserialize, Serialize, headgate::Task)]
#[task(kind = "bench:no_op", version = 1)]
struct NoOp {
    number: u64,
}
