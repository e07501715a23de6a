//! apalis on SQLite, by large batches. It is told nothing of new jobs, and looks for them at an interval.

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteStorage};
use bench_peer::{Failure, Peer, Task, ended, entered};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::task::JoinHandle;

/// How many jobs are fetched at a time.
const BATCH: usize = 3000;
/// How many jobs are pushed in one call.
const PAGE: usize = 5000;
/// How often an idle worker looks for jobs.
const LOOK_EVERY: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    bench_peer::main::<Apalis>(bench_peer::runtime())
}

struct Apalis {
    pool: SqlitePool,
    storage: SqliteStorage<u64>,
}

impl Peer for Apalis {
    type Working = JoinHandle<()>;

    async fn open(task: &Task) -> Result<Self, Failure> {
        let options = SqliteConnectOptions::from_str(&task.store)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePool::connect_with(options).await?;
        SqliteStorage::setup(&pool).await?;
        let config = Config::default().queue("bench").batch_size(BATCH);
        let storage = SqliteStorage::new(&pool).with_config(config);
        Ok(Self { pool, storage })
    }

    fn setting(&self) -> String {
        format!(
            "batch size {BATCH}, looks every {} ms, pushed by {PAGE}, WAL, synchronous FULL",
            LOOK_EVERY.as_millis()
        )
    }

    async fn submit(&self, jobs: usize) -> Result<(), Failure> {
        let jobs: Vec<u64> = (0..jobs as u64).collect();
        let mut storage = self.storage.clone();
        for page in jobs.chunks(PAGE) {
            storage.push_bulk(page.to_vec()).await?;
        }
        Ok(())
    }

    async fn submit_one(&self) -> Result<(), Failure> {
        Ok(self.storage.clone().push(0).await?)
    }

    async fn work(&self) -> Result<JoinHandle<()>, Failure> {
        let worker = WorkerBuilder::new("bench")
            .backend(self.storage.clone().poll_with_interval(LOOK_EVERY))
            .build(no_op);
        Ok(tokio::spawn(async move { ended(worker.run().await) }))
    }

    async fn has_recorded(&self, _: &mut JoinHandle<()>, _jobs: usize) -> Result<bool, Failure> {
        let left = "SELECT EXISTS (SELECT 1 FROM Jobs WHERE status <> 'Done')";
        let left: bool = sqlx::query_scalar(left).fetch_one(&self.pool).await?;
        Ok(!left)
    }
}

async fn no_op(_job: u64) -> Result<(), BoxDynError> {
    entered();
    Ok(())
}
