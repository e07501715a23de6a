//! Drains on a Redis Cluster whose slots are moved, and whose nodes are lost.

mod failover;
mod reshard;

use countersign::Ports;
use countersign::redis::RedisStore;
use xtask::interrupts::Interrupts;
use xtask::programs::{Search, Server, directories, search};
use xtask::servers::RedisCluster;
use xtask::servers::redis_cluster::Layout;
use xtask::servers::say::tell;

/// The workspace that drains are in.
const WORKSPACE: &str = "{countersign:1}:runs";

/// A cluster that nobody else uses.
fn start(layout: Layout) -> RedisCluster {
    match search(Server::Redis, &directories()) {
        Search::Found(program) => {
            RedisCluster::laid_out(&program, layout, &Interrupts::default()).unwrap()
        }
        Search::Missing(too_old) => panic!("Redis is not installed: {too_old:?}"),
    }
}

async fn ports(cluster: &RedisCluster) -> Ports {
    let url = cluster.url().parse().unwrap();
    Ports::redis(&RedisStore::create(&url).await.unwrap()).unwrap()
}

/// The slot of a key.
fn slot(cluster: &RedisCluster, key: &str) -> u16 {
    let told = tell(cluster.nodes()[0].port(), &["CLUSTER", "KEYSLOT", key]);
    told.unwrap().text().parse().unwrap()
}
