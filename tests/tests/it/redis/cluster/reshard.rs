//! Slots are moved to other nodes, key by key, in the middle of a drain.

use std::sync::Arc;

use xtask::servers::RedisCluster;
use xtask::servers::redis_cluster::Layout;

use super::{WORKSPACE, ports, slot, start};
use crate::drain::{ALLOWED, Drain};
use crate::support::{drained, until_async};

/// Moves the slot of a key to the next node.
fn move_on(cluster: &RedisCluster, key: &str) {
    let slot = slot(cluster, key);
    let from = cluster.serving(slot, 0).unwrap();
    let to = (from + 1) % cluster.nodes().len();
    cluster.begin_move(slot, from, to).unwrap();
    while cluster.move_keys(slot, from, to, 100).unwrap() > 0 {}
    cluster.end_move(slot, from, to).unwrap();
    assert_eq!(cluster.serving(slot, to).unwrap(), to);
}

/// One after the other: the workspace, whose runs are queued and running; the queue; the directory, with the
/// marker and the offices; and the workspace again.
#[tokio::test(flavor = "multi_thread")]
async fn every_run_ends_and_starts_once_where_slots_are_moved() {
    const APART: usize = 200;
    let moved = [
        WORKSPACE,
        "{countersign:q:default}:entries",
        "{countersign}:store",
        WORKSPACE,
    ];
    let cluster = Arc::new(start(Layout::default()));
    let ports = ports(&cluster).await;
    let drain = Drain::of(&ports, 2 * APART).await;
    let workers = [drain.worker(&ports), drain.worker(&ports)];
    let progress = workers.each_ref().map(|worker| worker.progress());
    let draining = workers.map(|worker| tokio::spawn(drained(worker)));
    for (at, key) in moved.into_iter().enumerate() {
        until_async("the drain goes on", async || {
            let started: u64 = progress.iter().map(|one| one.tally().started).sum();
            (started >= ((1 + at) * APART) as u64).then_some(())
        })
        .await;
        let cluster = Arc::clone(&cluster);
        let moving = tokio::task::spawn_blocking(move || move_on(&cluster, key));
        moving.await.unwrap();
        drain.let_end((3 + at) * APART);
    }
    let succeeded: u64 = progress.iter().map(|one| one.tally().succeeded).sum();
    assert!(succeeded < ALLOWED as u64);

    drain.let_end(usize::MAX);
    for draining in draining {
        draining.await.unwrap();
    }
    drain.finish(&ports).await;
    drain.assert_sound(&ports).await;
}
