//! graphile_worker, by local queues that fetch batches and completions that are written together.

use std::process::ExitCode;
use std::time::Duration;

use bench_peer::{Failure, Figure, Peer, Task, ended, entered};
use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, TaskHandler, Worker, WorkerContext,
    WorkerOptions, WorkerUtils,
};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

/// How many local queues fetch at a time.
const QUEUES: usize = 2;
/// How many jobs each of them holds.
const SIZE: usize = 2000;
/// How many handlers run at once.
const CONCURRENCY: usize = 50;
/// How long completions wait for each other; its documentation recommends 1 to 5 ms.
const DELAY: Duration = Duration::from_millis(5);
/// How many jobs are added in one call.
const PAGE: usize = 10_000;
const CONNECTIONS: u32 = 20;

fn main() -> ExitCode {
    bench_peer::main::<Graphile>(bench_peer::runtime())
}

struct Graphile {
    pool: PgPool,
    utils: WorkerUtils,
    figure: Figure,
}

impl Peer for Graphile {
    type Working = tokio::task::JoinHandle<()>;

    async fn open(task: &Task) -> Result<Self, Failure> {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS);
        let pool = pool.connect(&task.store).await?;
        let utils = WorkerUtils::new(pool.clone(), "graphile_worker");
        utils.migrate().await?;
        Ok(Self {
            pool,
            utils,
            figure: task.figure,
        })
    }

    fn setting(&self) -> String {
        match self.figure {
            Figure::Drain => format!(
                "local queues {QUEUES} × {SIZE}, concurrency {CONCURRENCY}, completions within {} ms, added by {PAGE}",
                DELAY.as_millis()
            ),
            Figure::Latency => format!("notifications, concurrency {CONCURRENCY}"),
        }
    }

    async fn submit(&self, jobs: usize) -> Result<(), Failure> {
        let spec = JobSpec::default();
        for first in (0..jobs).step_by(PAGE) {
            let last = jobs.min(first + PAGE);
            let page: Vec<_> = (first..last).map(|id| (NoOp { id }, &spec)).collect();
            self.utils.add_jobs::<NoOp>(&page).await?;
        }
        Ok(())
    }

    async fn submit_one(&self) -> Result<(), Failure> {
        let job = NoOp { id: 0 };
        self.utils.add_job(job, JobSpec::default()).await?;
        Ok(())
    }

    async fn work(&self) -> Result<Self::Working, Failure> {
        let options = WorkerOptions::default()
            .concurrency(CONCURRENCY)
            .schema("graphile_worker")
            .pg_pool(self.pool.clone())
            .listen_os_shutdown_signals(false)
            .define_job::<NoOp>();
        let options = match self.figure {
            Figure::Drain => options.complete_job_batch_delay(DELAY).local_queue(
                LocalQueueConfig::default()
                    .with_size(SIZE)
                    .with_queue_count(QUEUES),
            ),
            Figure::Latency => options,
        };
        let worker: Worker = options.init().await?;
        Ok(tokio::spawn(async move { ended(worker.run().await) }))
    }

    async fn has_recorded(&self, _: &mut Self::Working, _jobs: usize) -> Result<bool, Failure> {
        // Jobs that are done are deleted.
        let left = "SELECT EXISTS (SELECT FROM graphile_worker._private_jobs)";
        let left: bool = sqlx::query_scalar(left).fetch_one(&self.pool).await?;
        Ok(!left)
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct NoOp {
    id: usize,
}

impl TaskHandler for NoOp {
    const IDENTIFIER: &'static str = "no_op";

    async fn run(self, _context: WorkerContext) -> impl IntoTaskHandlerResult {
        entered();
        Ok::<(), String>(())
    }
}
