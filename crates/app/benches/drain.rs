//! How fast a worker drains a store: no-op handlers in process, the gate on, decisions kept.
//!
//! `cargo bench -p countersign --bench drain -- [RUNS] [ROUNDS] [postgres://…|redis://…] [history=RUNS]
//! [workspaces=N] [workers=N]`; 50,000 runs, 5 rounds, one workspace and one worker unless told. Each round has a store of
//! its own: a SQLite file on the disk of the working directory, a schema in the database that is named, with that many
//! completed runs in it, or a prefix on a Redis server. Each worker opens the store for itself.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::time::{Duration, Instant};

use countersign::postgres::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use countersign::{Stop, Until};
use tokio::task::JoinSet;

mod bed;

use bed::{Store, worker};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let runs = numbers.first().copied().unwrap_or(50_000);
    let rounds = numbers.get(1).copied().unwrap_or(5);
    let server = words.iter().find(|word| word.contains("://"));
    let told = |key: &str, otherwise: usize| {
        let word = words.iter().find_map(|word| word.strip_prefix(key));
        word.map_or(otherwise, |number| number.parse().unwrap())
    };
    let history = told("history=", 0);
    let (workspaces, workers) = (told("workspaces=", 1), told("workers=", 1));
    let runtime = countersign::runtime().unwrap();
    let round = async || {
        let store = Store::create(server.map(String::as_str)).await;
        if history > 0 {
            remember(&store, history).await;
        }
        let rate = round(&store, runs, workspaces, workers).await;
        store.remove().await;
        rate
    };
    let mut rates: Vec<f64> = (0..rounds).map(|_| runtime.block_on(round())).collect();
    rates.sort_by(f64::total_cmp);
    println!(
        "drain of {runs}, {history} completed before, {workspaces} workspaces, {workers} workers: median {:.0} runs/s, min {:.0}, max {:.0}; peak memory {} MB",
        rates[rates.len() / 2],
        rates[0],
        rates[rates.len() - 1],
        peak_memory_mb(),
    );
}

/// Fills a PostgreSQL store with that many completed runs, past its guards.
async fn remember(store: &Store, runs: usize) {
    let Store::Postgres { server, schema, .. } = store else {
        panic!("a history is for PostgreSQL");
    };
    let script = include_str!("bed/history.sql")
        .replace("countersign.", &format!("{schema}."))
        .replace(":runs", &runs.to_string());
    let mut connection = PgConnection::connect(server).await.unwrap();
    connection.execute(AssertSqlSafe(script)).await.unwrap();
}

async fn round(store: &Store, runs: usize, workspaces: usize, workers: usize) -> f64 {
    store.authorise(workspaces).await;
    let submitting = Instant::now();
    store.submit(runs, workspaces).await;
    let submitted = submitting.elapsed();
    let mut crew = Vec::with_capacity(workers);
    for number in 0..workers {
        let ports = match number {
            0 => store.ports(),
            _ => store.open_again().await,
        };
        crew.push(worker(ports, &format!("bench-{number}")));
    }
    let draining = Instant::now();
    let mut drain = JoinSet::new();
    for worker in crew {
        drain.spawn(async move { worker.run(Until::Drained, Stop::new()).await });
    }
    let mut succeeded = 0;
    for report in drain.join_all().await {
        succeeded += report.unwrap().tally.succeeded;
    }
    let drained = draining.elapsed();
    assert_eq!(succeeded, runs as u64);
    println!(
        "submitted at {:.0}/s, drained at {:.0}/s",
        rate(runs, submitted),
        rate(runs, drained)
    );
    rate(runs, drained)
}

fn rate(runs: usize, took: Duration) -> f64 {
    runs as f64 / took.as_secs_f64()
}

/// The peak of this process, where the system tells it.
fn peak_memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}
