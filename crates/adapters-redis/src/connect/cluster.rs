//! The nodes of a cluster, a connection to each, and what each serves.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_ports::{PortError, PortErrorKind, PortResult};
use futures::future::join_all;
use redis::aio::PubSub;
use redis::{
    ConnectionAddr, IntoConnectionInfo, Pipeline, RedisConnectionInfo, RedisError, RedisResult,
    ServerError, Value,
};

use super::line::{Broken, Line, told};
use super::node::Node;
use super::slots::{Slots, slot};
use super::topology::{Seen, Topology};
use crate::Prefix;
use crate::error::{Effect, unlearned, unreadable, unserved};
use crate::script::Call;

/// How long a connection to a node may take to be made, and how long a node may take to say what it knows of
/// the others: there are others to ask.
const PATIENCE: Duration = Duration::from_secs(2);

/// A cluster, each node of which holds the keys of some slots.
pub(crate) struct Cluster {
    seeds: Vec<Node>,
    settings: RedisConnectionInfo,
    /// Where calls go that name no key.
    directory: u16,
    lines: Mutex<HashMap<Node, Arc<Line>>>,
    topology: Topology,
    /// How often somebody began to listen.
    listened: AtomicUsize,
}

/// Why nobody said which node serves what.
#[derive(Debug, Clone)]
pub(super) enum Unlearned {
    /// No node could be reached.
    Unreached(Broken),
    /// A node does not say it.
    Refused(ServerError),
    /// A node knows of no slots, or said something else.
    Unread,
}

impl Unlearned {
    pub(super) fn into_error(self, operation: &'static str) -> PortError {
        match self {
            Self::Unreached(broken) => broken.into_error(operation, Effect::Reads),
            Self::Refused(error) => unlearned(operation, error),
            Self::Unread => unserved(operation),
        }
    }
}

impl Cluster {
    pub(super) fn of(seeds: &[Node], settings: &RedisConnectionInfo, prefix: &Prefix) -> Self {
        Self {
            seeds: seeds.to_vec(),
            settings: settings.clone(),
            directory: slot(prefix.as_str()),
            lines: Mutex::default(),
            topology: Topology::default(),
            listened: AtomicUsize::new(0),
        }
    }

    /// The slot that a call is for.
    pub(super) fn slot(&self, call: &Call) -> u16 {
        call.first_key().map_or(self.directory, slot)
    }

    pub(super) fn topology(&self) -> &Topology {
        &self.topology
    }

    /// What is known of the nodes, learned where it is not.
    pub(super) async fn seen(&self) -> Result<Seen, Unlearned> {
        if let Some(seen) = self.topology.known() {
            return Ok(seen);
        }
        let ask = async |candidates| self.ask(candidates).await;
        let seen = self.topology.learn(&self.seeds, ask).await?;
        self.keep_lines_to(&seen.slots);
        Ok(seen)
    }

    /// Asks one after the other, until one says it.
    async fn ask(&self, candidates: Vec<Node>) -> Result<Slots, Unlearned> {
        let mut why = Unlearned::Unread;
        for node in candidates {
            match self.ask_one(&node).await {
                Ok(slots) => return Ok(slots),
                // Those who answered know more than those who did not.
                Err(Unlearned::Unreached(_)) if matches!(why, Unlearned::Refused(_)) => {}
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    async fn ask_one(&self, node: &Node) -> Result<Slots, Unlearned> {
        let mut question = Pipeline::new();
        question.cmd("CLUSTER").arg("SLOTS");
        let line = self.line(node).map_err(Unlearned::unreached)?;
        let answer = tokio::time::timeout(PATIENCE, line.send(&question)).await;
        let answer = answer.map_err(|_| {
            let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
            Unlearned::unreached(late.into())
        })?;
        let answer = answer.map_err(Unlearned::Unreached)?;
        let answer = answer.first().ok_or(Unlearned::Unread)?;
        if let Some(error) = told(answer) {
            return Err(Unlearned::Refused(error.clone()));
        }
        let slots = Slots::read(answer, node).ok_or(Unlearned::Unread)?;
        match slots.is_empty() {
            // A node by itself, or one that has forgotten the others.
            true => Err(Unlearned::Unread),
            false => Ok(slots),
        }
    }

    /// The connection to a node.
    pub(super) fn line(&self, node: &Node) -> RedisResult<Arc<Line>> {
        let mut lines = self.lines();
        if let Some(line) = lines.get(node) {
            return Ok(Arc::clone(line));
        }
        let address = ConnectionAddr::Tcp(node.host().to_owned(), node.port());
        let server = (address.into_connection_info()?).set_redis_settings(self.settings.clone());
        let line = Arc::new(Line::to(server, PATIENCE)?);
        lines.insert(node.clone(), Arc::clone(&line));
        Ok(line)
    }

    /// Lets go of nodes that are no more.
    fn keep_lines_to(&self, slots: &Slots) {
        let primaries = slots.primaries();
        self.lines()
            .retain(|node, _| primaries.contains(&node) || self.seeds.contains(node));
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Node, Arc<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a command to every primary at once.
    pub(super) async fn ask_each_primary(
        &self,
        operation: &'static str,
        call: impl Fn() -> Call,
    ) -> PortResult<Vec<(String, PortResult<Value>)>> {
        let seen = self.seen().await.map_err(|why| why.into_error(operation))?;
        let primaries = seen.slots.primaries();
        let seen = &seen;
        let answers = primaries.into_iter().map(|node| {
            let call = call();
            async move {
                let answer = self.call_node(operation, node, &call).await;
                if let Err(error) = &answer
                    && error.kind() == PortErrorKind::Unavailable
                {
                    self.topology.doubt(seen, Some(node));
                }
                (node.to_string(), answer)
            }
        });
        Ok(join_all(answers).await)
    }

    async fn call_node(
        &self,
        operation: &'static str,
        node: &Node,
        call: &Call,
    ) -> PortResult<Value> {
        let mut commands = Pipeline::new();
        commands.add_command(call.short());
        let broken = |broken: Broken| broken.into_error(operation, call.effect());
        let line = (self.line(node)).map_err(|error| broken(Broken::Unconnected(error)))?;
        let mut answers = line.send(&commands).await.map_err(broken)?;
        let answer = answers.pop();
        let answer = answer.ok_or_else(|| unreadable(operation, "the server's answer"))?;
        call.answer(answer, operation)
    }

    /// Listens at whatever node answers: what is published anywhere is heard at every node.
    pub(super) async fn listen(&self) -> RedisResult<PubSub> {
        let mut nodes: Vec<Node> = match self.seen().await {
            Ok(seen) => seen.slots.primaries().into_iter().cloned().collect(),
            Err(_) => Vec::new(),
        };
        let others = self.seeds.iter().filter(|node| !nodes.contains(node));
        let others: Vec<Node> = others.cloned().collect();
        nodes.extend(others);
        let begun = self.listened.fetch_add(1, Ordering::Relaxed);
        let first = begun.checked_rem(nodes.len()).unwrap_or_default();
        nodes.rotate_left(first);
        let mut why = std::io::Error::from(std::io::ErrorKind::NotFound).into();
        for node in nodes {
            let listening = async { self.line(&node)?.listen().await };
            match tokio::time::timeout(PATIENCE, listening).await {
                Ok(Ok(listening)) => return Ok(listening),
                Ok(Err(error)) => why = error,
                Err(_) => why = std::io::Error::from(std::io::ErrorKind::TimedOut).into(),
            }
        }
        Err(why)
    }

    pub(super) async fn close(&self) {
        let lines: Vec<Arc<Line>> = self.lines().drain().map(|(_, line)| line).collect();
        for line in lines {
            line.close().await;
        }
    }
}

impl Unlearned {
    fn unreached(error: RedisError) -> Self {
        Self::Unreached(Broken::Unconnected(error))
    }
}
