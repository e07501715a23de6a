//! A store on a cluster: calls find their node, whatever is moved and whoever is lost.

mod bell;
mod changes;
mod doctor;
mod lost;
mod moving;
mod neighbours;
mod refused;
mod routes;

use std::sync::Arc;
use std::time::Duration;

use countersign_conformance::Ports;
use countersign_conformance::change::id;
use countersign_domain::{QueueName, Timestamp};
use countersign_ports::{Delivery, PortResult, Push, QueueEntry, Receive, RunKey, fresh_run_id};
use xtask::interrupts::Interrupts;
use xtask::programs::{Search, Server, directories, search};
use xtask::servers::RedisCluster;
use xtask::servers::redis_cluster::Layout;
use xtask::servers::say::tell;

use crate::support::{Site, ports};

const AN_HOUR: Duration = Duration::from_secs(3600);

/// A cluster of a test's own, with a store.
struct Place {
    cluster: RedisCluster,
    site: Site,
}

impl Place {
    async fn new() -> Self {
        Self::laid_out(Layout {
            is_durable: true,
            ..Layout::default()
        })
        .await
    }

    async fn laid_out(layout: Layout) -> Self {
        let cluster = match search(Server::Redis, &directories()) {
            Search::Found(program) => {
                RedisCluster::laid_out(&program, layout, &Interrupts::default()).unwrap()
            }
            Search::Missing(too_old) => panic!("Redis is not installed: {too_old:?}"),
        };
        let site = Site::at(cluster.url()).prepared().await;
        Self { cluster, site }
    }

    async fn open(&self) -> Ports {
        ports(&self.site.open().await)
    }

    /// Sends a command to one node.
    fn tell(&self, node: usize, words: &[&str]) -> String {
        tell(self.cluster.nodes()[node].port(), words)
            .unwrap()
            .text()
    }

    /// The slot of a key.
    fn slot(&self, key: &str) -> u16 {
        self.tell(0, &["CLUSTER", "KEYSLOT", key]).parse().unwrap()
    }

    /// A queue that is on this node.
    fn queue_on(&self, node: usize) -> QueueName {
        (0..)
            .map(|number| format!("queue-{number}"))
            .find(|name| {
                let slot = self.slot(&self.entries(name));
                self.cluster.serving(slot, node).unwrap() == node
            })
            .map(|name| name.parse().unwrap())
            .unwrap()
    }

    /// The key of a queue's entries.
    fn entries(&self, queue: &str) -> String {
        self.site.tagged(&format!("q:{queue}"), "entries")
    }

    /// How often a node has answered with this error.
    fn errors(&self, node: usize, code: &str) -> u32 {
        let told = self.tell(node, &["INFO", "errorstats"]);
        let line = format!("errorstat_{code}:count=");
        let count = told.lines().find_map(|told| told.strip_prefix(&line));
        count.map_or(0, |count| count.trim_end().parse().unwrap())
    }

    /// Moves a slot with all its keys.
    fn move_slot(&self, slot: u16, from: usize, to: usize) {
        self.cluster.begin_move(slot, from, to).unwrap();
        while self.cluster.move_keys(slot, from, to, 100).unwrap() > 0 {}
        self.cluster.end_move(slot, from, to).unwrap();
    }
}

/// An entry that is due.
fn entry(queue: &QueueName) -> QueueEntry {
    QueueEntry {
        run: RunKey {
            id: fresh_run_id(),
            workspace_id: id("w"),
        },
        operation_type: id("one"),
        queue_name: queue.clone(),
        priority: 0,
        due_at: Timestamp::UNIX_EPOCH,
    }
}

async fn push(ports: &Ports, queue: &QueueName) -> PortResult<Vec<Push>> {
    ports.queue.push(&[entry(queue)]).await
}

async fn receive(ports: &Ports, queue: &QueueName) -> PortResult<Vec<Delivery>> {
    let receive = Receive {
        queue_name: queue,
        operations: &[id("one")],
        limit: 100,
        invisible_for: AN_HOUR,
    };
    ports.queue.receive(&receive).await
}

/// Shares a place with tasks.
async fn shared() -> Arc<Place> {
    Arc::new(Place::new().await)
}
