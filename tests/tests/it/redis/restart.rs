//! The server is killed and started again in the middle of a drain.

use std::sync::{Arc, Mutex};

use countersign::Ports;
use countersign::redis::RedisStore;
use xtask::interrupts::Interrupts;

use super::server::start;
use crate::drain::{ALLOWED, Drain};
use crate::support::{drained, until_async};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_starts_twice_where_redis_is_killed() {
    const APART: usize = 200;
    const CRASHES: usize = 3;
    let server = Arc::new(Mutex::new(start()));
    let url = server.lock().unwrap().url().parse().unwrap();
    let store = RedisStore::create(&url).await.unwrap();
    let ports = Ports::redis(&store).unwrap();
    let drain = Drain::of(&ports, 2 * APART).await;
    let worker = drain.worker(&ports);
    let progress = worker.progress();
    let draining = tokio::spawn(drained(worker));
    for crash in 1..=CRASHES {
        until_async("the drain goes on", async || {
            (progress.tally().started >= (crash * APART) as u64).then_some(())
        })
        .await;
        let server = Arc::clone(&server);
        let restarting = tokio::task::spawn_blocking(move || {
            let mut server = server.lock().unwrap();
            server.restart_at_once(&Interrupts::default()).unwrap();
        });
        restarting.await.unwrap();
        drain.let_end((2 + crash) * APART);
    }
    assert!(progress.tally().succeeded < ALLOWED as u64);

    drain.let_end(usize::MAX);
    draining.await.unwrap();
    drain.finish(&ports).await;
    drain.assert_sound(&ports).await;
}
