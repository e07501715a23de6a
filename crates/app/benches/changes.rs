//! How long a change of authority takes on a server: in a workspace in which two workers start runs as fast
//! as they can, and over as many workspaces as a user has grants in.
//!
//! `cargo bench -p countersign --bench changes -- postgres://…|redis://… [RUNS]`; a storm of 200,000 runs unless told.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::time::{Duration, Instant};

use countersign::{Ports, Stop, Until};

mod bed;

use bed::{Store, apply, worker};

/// A change that takes nothing away, so that the storm goes on.
const SAME_AGAIN: &str = r#"{"change":"set_workspace","workspace":"w","active":true}"#;

/// How long to wait between two changes.
const PAUSE: Duration = Duration::from_millis(20);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let server = words.iter().find(|word| word.contains("://"));
    let server =
        server.unwrap_or_else(|| panic!("the address of a server, `postgres://…` or `redis://…`"));
    let runs = words.iter().find_map(|word| word.parse().ok());
    let runtime = countersign::runtime().unwrap();
    runtime.block_on(async {
        let store = Store::create(Some(server)).await;
        store.authorise(1).await;
        in_a_storm(&store, runs.unwrap_or(200_000)).await;
        over_workspaces(&store.ports()).await;
        store.remove().await;
    });
}

/// Changes one workspace again and again while two workers drain it.
async fn in_a_storm(store: &Store, runs: usize) {
    tell(
        "one workspace, nobody else",
        &repeat(&store.ports(), SAME_AGAIN, 100).await,
    );
    store.submit(runs, 1).await;
    let mut storm = Vec::new();
    for name in ["one", "two"] {
        let worker = worker(store.open_again().await, name);
        storm.push(tokio::spawn(worker.run(Until::Drained, Stop::new())));
    }
    let begun = Instant::now();
    let ports = store.ports();
    let mut took = Vec::new();
    while !storm.iter().all(tokio::task::JoinHandle::is_finished) {
        took.extend(repeat(&ports, SAME_AGAIN, 1).await);
        tokio::time::sleep(PAUSE).await;
    }
    let elapsed = begun.elapsed();
    for worker in storm {
        worker.await.unwrap().unwrap();
    }
    tell("one workspace, two workers starting runs in it", &took);
    println!(
        "  meanwhile {:.0} runs/s",
        runs as f64 / elapsed.as_secs_f64()
    );
}

/// Disables and enables a user with grants in that many workspaces.
async fn over_workspaces(ports: &Ports) {
    for workspaces in [1, 100, 10_000] {
        let user = format!("member of {workspaces}");
        let grants: Vec<String> = (0..workspaces)
            .map(|n| {
                format!(
                    r#"{{"change":"grant","user":"{user}","workspace":"w {n}","role":"operator"}}"#
                )
            })
            .collect();
        let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
        apply(ports, &grants).await;
        let change = format!(r#"{{"change":"set_user","user":"{user}","active":true}}"#);
        tell(
            &format!("a user of {workspaces} workspaces"),
            &repeat(ports, &change, 20).await,
        );
    }
}

async fn repeat(ports: &Ports, change: &str, times: usize) -> Vec<Duration> {
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let begun = Instant::now();
        apply(ports, &[change]).await;
        took.push(begun.elapsed());
    }
    took
}

fn tell(what: &str, took: &[Duration]) {
    let mut millis: Vec<f64> = took.iter().map(|one| one.as_secs_f64() * 1000.0).collect();
    millis.sort_by(f64::total_cmp);
    let at = |share: f64| millis[((millis.len() - 1) as f64 * share).round() as usize];
    println!(
        "{what}: median {:.1} ms, p99 {:.1} ms, most {:.1} ms ({} changes)",
        at(0.5),
        at(0.99),
        at(1.0),
        millis.len()
    );
}
