//! A Redis that holds the queue and nothing else loses all of it in the middle of a drain.

use std::sync::Arc;

use countersign::redis::RedisStore;
use countersign::sqlite::SqliteStore;
use countersign::{ConsistencyMode, Ports};

use super::server::{say, start};
use crate::drain::{ALLOWED, Drain};
use crate::support::{drained, until_async};

#[tokio::test(flavor = "multi_thread")]
async fn every_run_ends_once_where_the_queue_is_flushed() {
    const APART: usize = 200;
    const FLUSHES: usize = 3;
    let server = start();
    let queue = RedisStore::create(&server.url().parse().unwrap())
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(dir.path().join("runs.db"))
        .await
        .unwrap();
    let ports = Ports::new(
        Arc::new(store.runs_apart_from_queue()),
        Arc::new(store.authority()),
        Arc::new(queue.queue()),
        ConsistencyMode::Fenced,
    )
    .unwrap();
    let drain = Drain::of(&ports, 2 * APART).await;
    let worker = drain.worker(&ports);
    let progress = worker.progress();
    let draining = tokio::spawn(drained(worker));
    for flush in 1..=FLUSHES {
        until_async("the drain goes on", async || {
            (progress.tally().started >= (flush * APART) as u64).then_some(())
        })
        .await;
        say(&server.url(), "FLUSHALL");
        drain.let_end((2 + flush) * APART);
    }
    assert!(progress.tally().succeeded < ALLOWED as u64);

    drain.let_end(usize::MAX);
    draining.await.unwrap();
    drain.finish(&ports).await;
    drain.assert_sound(&ports).await;
}
