//! apalis on PostgreSQL, by large batches; notified of new jobs.

use std::process::ExitCode;

use apalis::prelude::*;
use apalis_postgres::{Config, PostgresStorage};
use bench_peer::{Failure, Peer, Task, ended, entered};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinHandle;

/// How many jobs are fetched at a time.
const BATCH: usize = 3000;
/// How many jobs are pushed in one call.
const PAGE: usize = 5000;
const CONNECTIONS: u32 = 20;

fn main() -> ExitCode {
    bench_peer::main::<Apalis>(bench_peer::runtime())
}

struct Apalis {
    pool: PgPool,
    storage: PostgresStorage<u64>,
}

impl Peer for Apalis {
    type Working = JoinHandle<()>;

    async fn open(task: &Task) -> Result<Self, Failure> {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS);
        let pool = pool.connect(&task.store).await?;
        PostgresStorage::setup(&pool).await?;
        let config = Config::default().queue("bench").batch_size(BATCH);
        let storage = PostgresStorage::new(&pool).with_config(config);
        Ok(Self { pool, storage })
    }

    fn setting(&self) -> String {
        format!("batch size {BATCH}, notifications, pushed by {PAGE}")
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
            .backend(self.storage.clone().with_pubsub())
            .build(no_op);
        Ok(tokio::spawn(async move { ended(worker.run().await) }))
    }

    async fn has_recorded(&self, _: &mut JoinHandle<()>, _jobs: usize) -> Result<bool, Failure> {
        let left = "SELECT EXISTS (SELECT FROM apalis.jobs WHERE status <> 'Done')";
        let left: bool = sqlx::query_scalar(left).fetch_one(&self.pool).await?;
        Ok(!left)
    }
}

async fn no_op(_job: u64) -> Result<(), BoxDynError> {
    entered();
    Ok(())
}
