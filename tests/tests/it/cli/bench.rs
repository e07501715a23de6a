//! `bench` measures on a store of its own, and leaves nothing of it behind.

use std::future::Future;

use countersign::postgres::sqlx::{self, Connection, PgConnection};
use nix::sys::signal::Signal;

use crate::postgres::place;
use crate::redis::server as redis;
use crate::support::{Site, Told, until};

fn bench(site: &Site, store: &str) -> Told {
    let words = ["bench", "--count", "1000", "--store", store];
    site.run(words).expect_code(0)
}

/// The name that was drawn.
fn drawn(told: &Told) -> String {
    let start = told.stderr.find("throwaway").expect(&told.stderr);
    let name = told.stderr[start..].chars();
    name.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

/// Every key with this in its name, of every server that an address names.
fn keys(store: &str, name: &str) -> String {
    let (_, servers) = store.split_once("://").unwrap();
    let keys = |server| redis::say(&format!("redis://{server}"), &format!("KEYS *{name}*"));
    servers.split(',').map(keys).collect()
}

#[test]
fn a_benchmark_tells_its_figures() {
    let site = Site::bare();
    let told = site.json(["bench", "--count", "1000"]).remove(0);
    assert_eq!(told["runs"], 1000);
    for figure in [
        "submitted_per_second",
        "drained_per_second",
        "started_per_second_meanwhile",
    ] {
        assert!(told[figure].as_f64().unwrap() > 0.0, "{figure}: {told}");
    }
    for spread in ["start_ms", "revocation_ms"] {
        let figure = |key: &str| told[spread][key].as_f64().unwrap();
        assert!(figure("samples") >= 1.0, "{told}");
        assert!(figure("p50") <= figure("p99"), "{told}");
        assert!(figure("p99") <= figure("most"), "{told}");
    }
}

#[test]
fn a_benchmark_of_a_file_leaves_no_file_and_makes_none_where_it_was_pointed() {
    let site = Site::bare();
    bench(&site, "sqlite://some.db");
    assert_eq!(std::fs::read_dir(site.path("")).unwrap().count(), 0);
}

#[test]
fn a_benchmark_of_a_server_leaves_no_key() {
    for store in [redis::server(), redis::cluster()] {
        let prefix = drawn(&bench(&Site::bare(), &store));
        let left = keys(&store, &prefix);
        assert!(!left.contains(&prefix), "{left}");
    }
}

#[test]
fn a_benchmark_of_a_database_leaves_no_schema() {
    let server = place::server();
    let schema = drawn(&bench(&Site::bare(), &server));
    let left: i64 = block_on(async {
        let mut connection = PgConnection::connect(&server).await.unwrap();
        sqlx::query_scalar("SELECT count(*) FROM pg_namespace WHERE nspname = $1")
            .bind(&schema)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    });
    assert_eq!(left, 0, "{schema}");
}

#[test]
fn a_benchmark_that_is_interrupted_leaves_nothing() {
    let site = Site::bare();
    let running = site.start("measuring", ["bench", "--count", "1000000"]);
    until("it has its store", || {
        running.stderr().contains("a store of its own")
    });
    running.signal(Signal::SIGINT);
    let ended = running.wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("interrupted"), "{}", ended.stderr);
    // What it said is in two files.
    assert_eq!(std::fs::read_dir(site.path("")).unwrap().count(), 2);
}

#[test]
fn how_many_runs_may_be_said_as_runs_too() {
    let site = Site::bare();
    let told = site.json(["bench", "--runs", "1000"]).remove(0);
    assert_eq!(told["runs"], 1000);
    for wrong in ["10", "sqlite://runs.db"] {
        let told = site
            .run(["--json", "bench", "--runs", wrong])
            .expect_code(2);
        assert_eq!(told.error()["field"], "runs");
    }
}

#[test]
fn one_store_is_measured_at_a_time() {
    let words = ["--json", "bench", "--queue", "sqlite://queue.db"];
    let told = Site::bare().run(words).expect_code(2);
    assert_eq!(told.error()["field"], "store");
}
