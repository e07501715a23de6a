//! apalis on Redis, without a lock on each task. It is told nothing of new jobs, and looks for them at an interval.

use std::process::ExitCode;
use std::time::Duration;

use apalis::prelude::*;
use apalis_redis::{Client, Config, ConnectionManager, RedisStorage};
use bench_peer::{Failure, Peer, Task, ended, entered};
use redis::aio::ConnectionManagerConfig;
use tokio::task::JoinHandle;

/// How many jobs are fetched at a time.
const BATCH: usize = 100;
/// How many jobs are pushed in one call.
const PAGE: usize = 1000;
/// How often an idle worker looks for jobs.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long an answer of the server may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    bench_peer::main::<Apalis>(bench_peer::runtime())
}

struct Apalis {
    connection: ConnectionManager,
    config: Config,
    storage: RedisStorage<u64>,
}

impl Peer for Apalis {
    type Working = JoinHandle<()>;

    async fn open(task: &Task) -> Result<Self, Failure> {
        // Half a second, the default, is little on a machine that is busy.
        let patient = ConnectionManagerConfig::new().set_response_timeout(Some(PATIENCE));
        let client = Client::open(task.store.as_str())?;
        let connection = client.get_connection_manager_with_config(patient).await?;
        let config = Config::default()
            .queue("bench")
            .batch_size(BATCH)
            .lock_tasks(false);
        let storage = RedisStorage::new(connection.clone()).with_config(config.clone());
        Ok(Self {
            connection,
            config,
            storage,
        })
    }

    fn setting(&self) -> String {
        format!(
            "batch size {BATCH}, tasks not locked, looks every {} ms, pushed by {PAGE}",
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

    async fn has_recorded(&self, _: &mut JoinHandle<()>, jobs: usize) -> Result<bool, Failure> {
        let mut connection = self.connection.clone();
        let done: usize = redis::cmd("SCARD")
            .arg(self.config.done_jobs_set())
            .query_async(&mut connection)
            .await?;
        Ok(done >= jobs)
    }
}

async fn no_op(_job: u64) -> Result<(), BoxDynError> {
    entered();
    Ok(())
}
