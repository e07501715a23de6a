//! River's Rust client, with as many workers as its queue holds claims for and without the pause between two claims.

use std::process::ExitCode;
use std::time::Duration;

use bench_peer::{Failure, Peer, Task, entered};
use riverqueue::migrate::PostgresMigrator;
use riverqueue::sqlx::{self, PgPool, postgres::PgPoolOptions};
use riverqueue::{
    BoxError, Client, Job, JobArgs, QueueConfig, RunHandle, WorkContext, WorkOutcome, Workers,
};
use serde::{Deserialize, Serialize};

/// How many jobs are worked, and claimed, at a time.
const WORKERS: usize = 2000;
/// How long two claims are apart at the least; 100 ms unless told.
const COOLDOWN: Duration = Duration::from_millis(1);
/// How many jobs are inserted in one call.
const PAGE: usize = 5000;
const CONNECTIONS: u32 = 20;

fn main() -> ExitCode {
    bench_peer::main::<River>(bench_peer::runtime())
}

struct River {
    pool: PgPool,
    client: Client,
}

impl Peer for River {
    type Working = RunHandle;

    async fn open(task: &Task) -> Result<Self, Failure> {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS);
        let pool = pool.connect(&task.store).await?;
        PostgresMigrator::new(pool.clone()).migrate_up().await?;
        let mut workers = Workers::new();
        workers.add_fn(no_op)?;
        let client = Client::builder(pool.clone())
            .workers(workers)
            .fetch_cooldown(COOLDOWN)
            .queue("default", QueueConfig::new(WORKERS))
            .build()?;
        Ok(Self { pool, client })
    }

    fn setting(&self) -> String {
        format!(
            "max workers {WORKERS}, fetch cooldown {} ms, inserted by {PAGE}",
            COOLDOWN.as_millis()
        )
    }

    async fn submit(&self, jobs: usize) -> Result<(), Failure> {
        for first in (0..jobs).step_by(PAGE) {
            let page = (first..jobs.min(first + PAGE)).map(|id| NoOp { id });
            self.client.insert_many(page).await?;
        }
        Ok(())
    }

    async fn submit_one(&self) -> Result<(), Failure> {
        self.client.insert(NoOp { id: 0 }).await?;
        Ok(())
    }

    async fn work(&self) -> Result<RunHandle, Failure> {
        Ok(self.client.start()?)
    }

    async fn has_recorded(&self, _: &mut RunHandle, _jobs: usize) -> Result<bool, Failure> {
        let left = "SELECT EXISTS (SELECT FROM river_job WHERE state <> 'completed')";
        let left: bool = sqlx::query_scalar(left).fetch_one(&self.pool).await?;
        Ok(!left)
    }
}

#[derive(Clone, Debug, Deserialize, JobArgs, Serialize)]
#[river(kind = "no_op")]
struct NoOp {
    id: usize,
}

async fn no_op(_context: WorkContext, _job: Job<NoOp>) -> Result<WorkOutcome, BoxError> {
    entered();
    Ok(WorkOutcome::Complete)
}
