//! A primary is killed in the middle of a drain, and its replica takes its place.

use std::time::Duration;

use xtask::servers::redis_cluster::Layout;
use xtask::servers::say::tell;
use xtask::servers::{Redis, RedisCluster};

use super::{WORKSPACE, ports, slot, start};
use crate::drain::{ALLOWED, Drain};
use crate::support::{drained, until_async};

const PRIMARIES: usize = 3;

/// What a node says of its replication.
fn replication(node: &Redis, field: &str) -> String {
    let told = tell(node.port(), &["INFO", "replication"]).unwrap().text();
    let line = told.lines().find_map(|line| line.strip_prefix(field));
    line.unwrap().trim_start_matches(':').to_owned()
}

/// Returns when every replica has what its primary has by now.
async fn replicated(cluster: &RedisCluster) {
    let (primaries, replicas) = cluster.nodes().split_at(PRIMARIES);
    for (primary, replica) in primaries.iter().zip(replicas) {
        let offset = |node| -> u64 { replication(node, "master_repl_offset").parse().unwrap() };
        let reached = offset(primary);
        until_async("the replica has it", async || {
            (offset(replica) >= reached).then_some(())
        })
        .await;
    }
}

/// What had not reached the replica is forgotten: a start among it may come again. Whatever else there is
/// must be as it was.
#[tokio::test(flavor = "multi_thread")]
async fn every_run_ends_where_a_replica_is_promoted() {
    const APART: usize = 200;
    let mut cluster = start(Layout {
        primaries: PRIMARIES,
        replicas: 1,
        node_timeout: Duration::from_secs(2),
        ..Layout::default()
    });
    let ports = ports(&cluster).await;
    let drain = Drain::of(&ports, 2 * APART).await;
    replicated(&cluster).await;
    let workers = [drain.worker(&ports), drain.worker(&ports)];
    let progress = workers.each_ref().map(|worker| worker.progress());
    let draining = workers.map(|worker| tokio::spawn(drained(worker)));
    until_async("the drain goes on", async || {
        let started: u64 = progress.iter().map(|one| one.tally().started).sum();
        (started >= APART as u64).then_some(())
    })
    .await;
    let killed = cluster.serving(slot(&cluster, WORKSPACE), 0).unwrap();
    cluster.nodes_mut()[killed].kill();
    until_async("the replica is promoted", async || {
        let replica = &cluster.nodes()[killed + PRIMARIES];
        (replication(replica, "role") == "master").then_some(())
    })
    .await;
    let succeeded: u64 = progress.iter().map(|one| one.tally().succeeded).sum();
    assert!(succeeded < ALLOWED as u64);

    drain.let_end(usize::MAX);
    for draining in draining {
        draining.await.unwrap();
    }
    drain.finish(&ports).await;
    drain.assert_sound_but_for_forgotten_starts(&ports).await;
}
