//! How fast a worker drains a store: no-op handlers in process, the gate on, decisions kept.
//!
//! `cargo bench -p countersign --bench drain -- [RUNS] [ROUNDS] [postgres://…|redis://…] [history=RUNS]
//! [workspaces=N] [workers=N] [ungated]`; 50,000 runs, 5 rounds, one workspace and one worker unless told. With `ungated`,
//! rounds are by turns with and without the gate (`bed/ungated.rs` says what that leaves out). Each round has a store of
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
#[path = "bed/ungated.rs"]
mod ungated;

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
    let round = async |gate: Gate| {
        let store = Store::create(server.map(String::as_str)).await;
        if history > 0 {
            remember(&store, history).await;
        }
        let drain = Drain {
            runs,
            workspaces,
            workers,
            gate,
        };
        let rate = drain.round(&store).await;
        store.remove().await;
        rate
    };
    let (mut gated, mut ungated) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        gated.push(runtime.block_on(round(Gate::On)));
        if words.iter().any(|word| word == "ungated") {
            ungated.push(runtime.block_on(round(Gate::Off)));
        }
    }
    println!(
        "drain of {runs}, {history} completed before, {workspaces} workspaces, {workers} workers: {}; peak memory {} MB",
        told_of(&mut gated),
        peak_memory_mb(),
    );
    if !ungated.is_empty() {
        println!("without the gate: {}", told_of(&mut ungated));
        let ratio = median(&gated) / median(&ungated);
        println!("gated / ungated: {ratio:.2}");
    }
}

fn told_of(rates: &mut [f64]) -> String {
    rates.sort_by(f64::total_cmp);
    let (least, most) = (rates[0], rates[rates.len() - 1]);
    let median = median(rates);
    format!("median {median:.0} runs/s, min {least:.0}, max {most:.0}")
}

/// Of rates in their order.
fn median(rates: &[f64]) -> f64 {
    rates[rates.len() / 2]
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    On,
    Off,
}

/// What a round is of.
struct Drain {
    runs: usize,
    workspaces: usize,
    workers: usize,
    gate: Gate,
}

impl Drain {
    async fn round(&self, store: &Store) -> f64 {
        store.authorise(self.workspaces).await;
        let submitting = Instant::now();
        store.submit(self.runs, self.workspaces).await;
        let submitted = submitting.elapsed();
        let mut crew = Vec::with_capacity(self.workers);
        for number in 0..self.workers {
            let ports = match (self.gate, number) {
                (Gate::Off, _) => store.ungated().await,
                (Gate::On, 0) => store.ports(),
                (Gate::On, _) => store.open_again().await,
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
        assert_eq!(succeeded, self.runs as u64);
        println!(
            "{:?}: submitted at {:.0}/s, drained at {:.0}/s",
            self.gate,
            rate(self.runs, submitted),
            rate(self.runs, drained)
        );
        rate(self.runs, drained)
    }
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
