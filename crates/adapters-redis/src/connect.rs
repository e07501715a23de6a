//! The connection that every call shares, made anew when it was lost.

use std::fmt;
use std::time::Duration;

use countersign_ports::PortResult;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Pipeline, RedisResult, Value};
use tokio::sync::Mutex;

use crate::RedisUrl;
use crate::error::{Effect, lost, unconnected};

/// How long a connection may take to be made.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// How long an answer may take before the connection counts as lost.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// One connection to the server. Calls are sent one after the other without waiting for answers.
///
/// What was sent is never sent again: whoever called decides what a lost connection means.
pub(crate) struct Link {
    client: Client,
    current: Mutex<Current>,
}

struct Current {
    /// How often a connection was made: tells a failed one from its successor.
    generation: u64,
    connection: Option<MultiplexedConnection>,
}

impl Link {
    /// A link that connects when it is first needed.
    pub(crate) fn new(url: &RedisUrl, operation: &'static str) -> PortResult<Self> {
        let client = Client::open(url.server().clone()).map_err(unconnected(operation))?;
        Ok(Self {
            client,
            current: Mutex::new(Current {
                generation: 0,
                connection: None,
            }),
        })
    }

    pub(crate) fn is_a_cluster(&self) -> bool {
        false
    }

    pub(crate) async fn call_on_each_primary(
        &self,
        operation: &'static str,
        call: impl Fn() -> crate::script::Call,
    ) -> PortResult<Vec<Value>> {
        Ok(vec![self.call(operation, call()).await?])
    }

    /// The server, for connections of another kind.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Sends commands together; answers with their values, errors of single commands among them.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        effect: Effect,
        commands: &Pipeline,
    ) -> PortResult<Vec<Value>> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let (generation, mut connection) =
            self.connection().await.map_err(unconnected(operation))?;
        match connection
            .send_packed_commands(commands, 0, commands.len())
            .await
        {
            Ok(values) => Ok(values),
            Err(error) => {
                self.forget(generation).await;
                Err(lost(operation, effect)(error))
            }
        }
    }

    /// Ends the connection. The next call would make another.
    pub(crate) async fn close(&self) {
        self.current.lock().await.connection = None;
    }

    async fn connection(&self) -> RedisResult<(u64, MultiplexedConnection)> {
        // Held while connecting: of many callers one makes the connection.
        let mut current = self.current.lock().await;
        if let Some(connection) = &current.connection {
            return Ok((current.generation, connection.clone()));
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_PATIENCE))
            .set_response_timeout(Some(ANSWER_PATIENCE));
        let connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        current.generation += 1;
        current.connection = Some(connection.clone());
        Ok((current.generation, connection))
    }

    async fn forget(&self, generation: u64) {
        let mut current = self.current.lock().await;
        if current.generation == generation {
            current.connection = None;
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}
