//! The connections that every call shares: to one server, or to the nodes of a cluster.

use std::fmt;
use std::sync::Arc;

use countersign_ports::PortResult;
use redis::aio::PubSub;
use redis::{RedisResult, Value};

use crate::RedisUrl;
use crate::script::Call;
use crate::url::Place;

mod cluster;
mod line;
mod node;
mod route;
mod server;
mod slots;
mod topology;

use cluster::Cluster;
pub(crate) use node::Node;
use server::Server;
pub(crate) use slots::SLOTS;

/// The way to the store. Calls are sent one after the other without waiting for answers.
///
/// What was sent is never sent again, unless the answer says that it did not run: whoever called decides what
/// a lost connection means.
pub(crate) struct Link {
    reach: Arc<Reach>,
}

/// Who answers.
pub(crate) enum Reach {
    /// One server, which holds every key.
    Server(Server),
    /// A cluster, each node of which holds the keys of some slots.
    Cluster(Cluster),
}

impl Link {
    /// A link that connects when it is first needed.
    pub(crate) fn new(url: &RedisUrl, operation: &'static str) -> PortResult<Self> {
        let reach = match url.place() {
            Place::Server(server) => Reach::Server(Server::at(server, operation)?),
            Place::Cluster { seeds, settings } => {
                Reach::Cluster(Cluster::of(seeds, settings, url.prefix()))
            }
        };
        Ok(Self {
            reach: Arc::new(reach),
        })
    }

    /// For connections of another kind.
    pub(crate) fn client(&self) -> &Arc<Reach> {
        &self.reach
    }

    /// Whether keys are on several nodes.
    pub(crate) fn is_a_cluster(&self) -> bool {
        matches!(*self.reach, Reach::Cluster(_))
    }

    /// Sends calls together; each succeeds or fails for itself. Answers are in the order of the calls, which
    /// may have run in another: what did not run at first is sent again after the rest.
    ///
    /// # Errors
    /// Of the whole: nothing was sent, or everything went over one connection and it was lost.
    pub(crate) async fn call_each(
        &self,
        operation: &'static str,
        calls: &[Call],
    ) -> PortResult<Vec<PortResult<Value>>> {
        match &*self.reach {
            Reach::Server(server) => server.call_each(operation, calls).await,
            Reach::Cluster(cluster) => cluster.call_each(operation, calls).await,
        }
    }

    /// Sends a command to every server that takes changes, all at once; each answers for itself, with its
    /// address.
    pub(crate) async fn ask_each_primary(
        &self,
        operation: &'static str,
        call: impl Fn() -> Call,
    ) -> PortResult<Vec<(String, PortResult<Value>)>> {
        match &*self.reach {
            Reach::Server(server) => {
                let answer = self.call(operation, call()).await;
                Ok(vec![(server.address(), answer)])
            }
            Reach::Cluster(cluster) => cluster.ask_each_primary(operation, call).await,
        }
    }

    /// The same, with the answers of all or with the first error.
    pub(crate) async fn call_on_each_primary(
        &self,
        operation: &'static str,
        call: impl Fn() -> Call,
    ) -> PortResult<Vec<Value>> {
        let answers = self.ask_each_primary(operation, call).await?;
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// Ends the connections. The next call would make others.
    pub(crate) async fn close(&self) {
        match &*self.reach {
            Reach::Server(server) => server.close().await,
            Reach::Cluster(cluster) => cluster.close().await,
        }
    }
}

impl Reach {
    /// A connection that hears what is published. Each is to another node of a cluster than the one before,
    /// where there is another.
    pub(crate) async fn listen(&self) -> RedisResult<PubSub> {
        match self {
            Self::Server(server) => server.listen().await,
            Self::Cluster(cluster) => cluster.listen().await,
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}
