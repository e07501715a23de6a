//! A private Redis Cluster.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::ports::{free_port, on_a_free_port};
use super::redis::{Bus, Keeps, Redis};
use super::say::{Answer, say, tell};
use crate::Error;
use crate::interrupts::Interrupts;

const HOST: &str = "127.0.0.1";

/// How many slots a cluster has.
const SLOTS: usize = 16_384;

/// How long nodes may take to find together.
const FIND_LIMIT: Duration = Duration::from_secs(60);

/// How often they are asked whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How large a cluster is, and what it keeps.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// How many nodes serve slots: three at the least, or none of them is taken for dead by most.
    pub primaries: usize,
    /// How many nodes follow each of them.
    pub replicas: usize,
    /// Whether a node has everything on disk before it answers.
    pub is_durable: bool,
    /// How long a node is silent before it is taken for dead, and one that followed it is promoted.
    pub node_timeout: Duration,
}

impl Default for Layout {
    /// Three nodes that keep nothing on disk. None is taken for dead that only has to wait for its turn.
    fn default() -> Self {
        Self {
            primaries: 3,
            replicas: 0,
            is_durable: false,
            node_timeout: Duration::from_secs(30),
        }
    }
}

/// A running cluster. Dropping it stops its nodes at once and removes their files.
#[derive(Debug)]
pub struct RedisCluster {
    layout: Layout,
    /// The primaries as they were at first, then those that followed the first of them, and so on.
    nodes: Vec<Redis>,
    ids: Vec<String>,
}

impl RedisCluster {
    /// Starts three nodes that keep nothing on disk and serve all slots between them.
    ///
    /// # Errors
    /// They did not come up or did not find together, or somebody asked the task to stop.
    pub fn start(program: &Path, interrupts: &Interrupts) -> Result<Self, Error> {
        Self::laid_out(program, Layout::default(), interrupts)
    }

    /// Starts a cluster of another size.
    ///
    /// # Errors
    /// As [`RedisCluster::start`].
    pub fn laid_out(
        program: &Path,
        layout: Layout,
        interrupts: &Interrupts,
    ) -> Result<Self, Error> {
        let nodes = (0..layout.primaries * (1 + layout.replicas))
            .map(|_| start_node(program, layout, interrupts))
            .collect::<Result<Vec<Redis>, Error>>()?;
        let mut cluster = Self {
            layout,
            nodes,
            ids: Vec::new(),
        };
        cluster.introduce()?;
        cluster.wait_until(interrupts, |cluster| cluster.all_know_all())?;
        cluster.follow()?;
        cluster.wait_until_whole(interrupts)?;
        Ok(cluster)
    }

    /// Gives each primary its slots, and makes the first node meet the others, who tell each other.
    fn introduce(&mut self) -> Result<(), Error> {
        let primaries = self.layout.primaries;
        for (at, node) in self.nodes.iter().enumerate() {
            let epoch = (at + 1).to_string();
            tell(node.port(), &["CLUSTER", "SET-CONFIG-EPOCH", &epoch])?;
            if at < primaries {
                let first = (SLOTS * at / primaries).to_string();
                let last = (SLOTS * (at + 1) / primaries - 1).to_string();
                tell(node.port(), &["CLUSTER", "ADDSLOTSRANGE", &first, &last])?;
            }
            self.ids
                .push(tell(node.port(), &["CLUSTER", "MYID"])?.text());
        }
        let Some((first, others)) = self.nodes.split_first() else {
            return Ok(());
        };
        for node in others {
            let (port, bus) = (node.port().to_string(), node.bus_port().to_string());
            tell(first.port(), &["CLUSTER", "MEET", HOST, &port, &bus])?;
        }
        Ok(())
    }

    /// Makes the replicas what they are.
    fn follow(&self) -> Result<(), Error> {
        let replicas = self.nodes.iter().skip(self.layout.primaries);
        let followed = (self.ids.iter().take(self.layout.primaries))
            .flat_map(|id| std::iter::repeat_n(id, self.layout.replicas));
        for (replica, primary) in replicas.zip(followed) {
            tell(replica.port(), &["CLUSTER", "REPLICATE", primary])?;
        }
        Ok(())
    }

    /// Where clients connect: by its first primaries.
    #[must_use]
    pub fn url(&self) -> String {
        let nodes = self.nodes.iter().take(self.layout.primaries);
        let nodes: Vec<String> = nodes
            .map(|node| format!("{HOST}:{}", node.port()))
            .collect();
        format!("redis-cluster://{}", nodes.join(","))
    }

    /// Its nodes: the primaries as they were at first, then those that followed the first of them, and so on.
    #[must_use]
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// The same, to kill and to start again.
    pub fn nodes_mut(&mut self) -> &mut [Redis] {
        &mut self.nodes
    }

    /// The place of the node that serves a slot, as the node at `asked` has it.
    ///
    /// # Errors
    /// It cannot be reached, or knows of none.
    pub fn serving(&self, slot: u16, asked: usize) -> Result<usize, Error> {
        let port = self.port(asked)?;
        let told = tell(port, &["CLUSTER", "SLOTS"])?;
        let serves = |range: &Answer| {
            let texts = range.clone().texts();
            let first: u16 = texts.first()?.parse().ok()?;
            let last: u16 = texts.get(1)?.parse().ok()?;
            let port: u16 = texts.get(3)?.parse().ok()?;
            let served = (first..=last).contains(&slot);
            served.then(|| self.nodes.iter().position(|node| node.port() == port))?
        };
        let ranges = match &told {
            Answer::List(ranges) => ranges.as_slice(),
            Answer::Text(_) | Answer::Nil | Answer::Error(_) => &[],
        };
        ranges
            .iter()
            .find_map(serves)
            .ok_or_else(|| Error::NotDone {
                port,
                command: format!("CLUSTER SLOTS, for slot {slot}"),
                answer: told.clone().text(),
            })
    }

    /// Begins to move a slot: one node sends on whoever asks for what it does not have, and the other takes
    /// what it is asked for.
    ///
    /// # Errors
    /// A node cannot be reached, or refuses.
    pub fn begin_move(&self, slot: u16, from: usize, to: usize) -> Result<(), Error> {
        let slot = slot.to_string();
        let (giver, taker) = (self.id(from)?, self.id(to)?);
        let importing = ["CLUSTER", "SETSLOT", &slot, "IMPORTING", giver];
        let migrating = ["CLUSTER", "SETSLOT", &slot, "MIGRATING", taker];
        tell(self.port(to)?, &importing)?;
        tell(self.port(from)?, &migrating)?;
        Ok(())
    }

    /// Moves so many keys of a slot, one by one. Says how many it found.
    ///
    /// # Errors
    /// As [`RedisCluster::begin_move`].
    pub fn move_keys(&self, slot: u16, from: usize, to: usize, most: u32) -> Result<usize, Error> {
        let (slot, most) = (slot.to_string(), most.to_string());
        let get = ["CLUSTER", "GETKEYSINSLOT", &slot, &most];
        let keys = tell(self.port(from)?, &get)?.texts();
        let port = self.port(to)?.to_string();
        for key in &keys {
            tell(
                self.port(from)?,
                &["MIGRATE", HOST, &port, key, "0", "10000"],
            )?;
        }
        Ok(keys.len())
    }

    /// Ends moving a slot: its new node first, so that nobody is sent where it is not served.
    ///
    /// # Errors
    /// As [`RedisCluster::begin_move`].
    pub fn end_move(&self, slot: u16, from: usize, to: usize) -> Result<(), Error> {
        let slot = slot.to_string();
        let settled = ["CLUSTER", "SETSLOT", &slot, "NODE", self.id(to)?];
        tell(self.port(to)?, &settled)?;
        tell(self.port(from)?, &settled)?;
        Ok(())
    }

    /// Returns when every node that lives says that all slots are served and that it knows all the others.
    ///
    /// # Errors
    /// It took too long, or somebody asked the task to stop.
    pub fn wait_until_whole(&self, interrupts: &Interrupts) -> Result<(), Error> {
        self.wait_until(interrupts, |cluster| {
            cluster.all_know_all() && cluster.all_serve() && cluster.all_follow()
        })
    }

    /// Each by its own word; those that do not answer are not asked.
    fn all_say(&self, command: &[&str], words: &[&str]) -> bool {
        self.nodes.iter().all(|node| {
            say(node.port(), command).map_or(true, |told| {
                let told = told.text();
                words.iter().all(|words| told.contains(words))
            })
        })
    }

    fn all_know_all(&self) -> bool {
        let known = format!("cluster_known_nodes:{}\r", self.nodes.len());
        let in_handshake = |told: String| told.contains("handshake");
        self.all_say(&["CLUSTER", "INFO"], &[&known])
            && !(self.nodes.iter())
                .filter_map(|node| say(node.port(), &["CLUSTER", "NODES"]).ok())
                .any(|told| in_handshake(told.text()))
    }

    fn all_serve(&self) -> bool {
        let assigned = format!("cluster_slots_ok:{SLOTS}\r");
        self.all_say(&["CLUSTER", "INFO"], &["cluster_state:ok\r", &assigned])
    }

    fn all_follow(&self) -> bool {
        (self.nodes.iter())
            .filter_map(|node| say(node.port(), &["INFO", "replication"]).ok())
            .map(Answer::text)
            .all(|told| told.contains("role:master\r") || told.contains("master_link_status:up\r"))
    }

    fn wait_until(
        &self,
        interrupts: &Interrupts,
        ready: impl Fn(&Self) -> bool,
    ) -> Result<(), Error> {
        let begun = Instant::now();
        while !ready(self) {
            interrupts.check()?;
            if begun.elapsed() > FIND_LIMIT {
                let told = self.nodes.iter().map(|node| {
                    let told = say(node.port(), &["CLUSTER", "NODES"]);
                    told.map_or_else(|error| error.to_string(), Answer::text)
                });
                return Err(Error::ServerFailed {
                    server: "Redis Cluster",
                    why: format!(
                        "its nodes did not find together in {} s",
                        FIND_LIMIT.as_secs()
                    ),
                    log: told.collect::<Vec<String>>().join("\n"),
                });
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn port(&self, node: usize) -> Result<u16, Error> {
        self.nodes
            .get(node)
            .map(Redis::port)
            .ok_or(Error::NoNode { node })
    }

    fn id(&self, node: usize) -> Result<&str, Error> {
        self.ids
            .get(node)
            .map(String::as_str)
            .ok_or(Error::NoNode { node })
    }
}

fn start_node(program: &Path, layout: Layout, interrupts: &Interrupts) -> Result<Redis, Error> {
    let keeps = match layout.is_durable {
        true => Keeps::Everything,
        false => Keeps::Nothing,
    };
    on_a_free_port(|port| {
        let bus = Bus {
            port: free_port()?,
            node_timeout: layout.node_timeout,
        };
        Redis::start_keeping(program, port, keeps, Some(bus), interrupts)
    })
}
