//! How fast a worker drains a store: no-op handlers in process, the gate on, decisions kept.
//!
//! `cargo bench -p countersign --bench drain -- [RUNS] [ROUNDS] [postgres://…]`; 50,000 runs and 5 rounds
//! unless told. Each round has a store of its own: a SQLite file on the disk of the working directory, or a
//! schema in the database that is named.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::time::{Duration, Instant};

use countersign::domain::{
    AttributedChange, Catalog, Operation, Submission, SubmittedContext, WorkerName,
};
use countersign::{Execution, Handler, Report, Stop, Until, Worker, WorkerSettings};

mod store;

use store::Store;

const CHANGES: [&str; 4] = [
    r#"{"change":"define_role","role":"operator","capabilities":["inventory.sync"],"all_tenants":true}"#,
    r#"{"change":"set_workspace","workspace":"w","active":true}"#,
    r#"{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"active"}"#,
    r#"{"change":"grant","user":"u","workspace":"w","role":"operator"}"#,
];

struct NoOp;

#[async_trait::async_trait]
impl Handler for NoOp {
    async fn handle(&self, _execution: Execution) -> Report {
        Report::succeeded()
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let runs = numbers.first().copied().unwrap_or(50_000);
    let rounds = numbers.get(1).copied().unwrap_or(5);
    let server = words.iter().find(|word| word.starts_with("postgres://"));
    let runtime = countersign::runtime().unwrap();
    let round = async || {
        let store = Store::create(server.map(String::as_str)).await;
        let rate = round(&store, runs).await;
        store.remove().await;
        rate
    };
    let mut rates: Vec<f64> = (0..rounds).map(|_| runtime.block_on(round())).collect();
    rates.sort_by(f64::total_cmp);
    println!(
        "drain of {runs}: median {:.0} runs/s, min {:.0}, max {:.0}; peak memory {} MB",
        rates[rates.len() / 2],
        rates[0],
        rates[rates.len() - 1],
        peak_memory_mb(),
    );
}

async fn round(store: &Store, runs: usize) -> f64 {
    let ports = store.ports();
    let changes: Vec<AttributedChange> = CHANGES
        .iter()
        .map(|line| AttributedChange::parse(line).unwrap())
        .collect();
    ports.authority().apply(&changes).await.unwrap();
    let submitting = Instant::now();
    let mut left = runs;
    while left > 0 {
        let page = left.min(1000);
        let submissions = vec![submission(); page];
        ports.runs().submit(&submissions).await.unwrap();
        left -= page;
    }
    let submitted = submitting.elapsed();

    let operation = Operation::new("inventory_sync".parse().unwrap())
        .needing("inventory.sync".parse().unwrap());
    let name = operation.name.clone();
    let settings = WorkerSettings {
        concurrency: 6000,
        batch: 2000,
        ..WorkerSettings::named(WorkerName::new("bench").unwrap())
    };
    let worker = Worker::new(ports, Catalog::new([operation]), settings).handle(name, NoOp);
    let draining = Instant::now();
    let report = worker.run(Until::Drained, Stop::new()).await.unwrap();
    let drained = draining.elapsed();
    assert_eq!(report.tally.succeeded, runs as u64);
    println!(
        "submitted at {:.0}/s, drained at {:.0}/s",
        rate(runs, submitted),
        rate(runs, drained)
    );
    rate(runs, drained)
}

fn submission() -> Submission {
    let id = |text: &str| text.to_owned();
    Submission {
        context: SubmittedContext::parse(r#"{"note":"nightly"}"#).unwrap(),
        ..Submission::new(
            id("w").parse().unwrap(),
            id("t").parse().unwrap(),
            id("u").parse().unwrap(),
            id("inventory_sync").parse().unwrap(),
        )
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
