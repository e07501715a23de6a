//! One connection to one server, made anew when it was lost.

use std::time::Duration;

use countersign_ports::PortError;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, Pipeline, RedisError, RedisResult};
use redis::{ServerError, Value};
use tokio::sync::Mutex;

use crate::error::{Effect, lost, unconnected};

/// How long an answer may take before the connection counts as lost.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// One connection to a server.
pub(super) struct Line {
    client: Client,
    /// How long a connection may take to be made.
    patience: Duration,
    current: Mutex<Current>,
}

struct Current {
    /// How often a connection was made: tells a failed one from its successor.
    generation: u64,
    connection: Option<MultiplexedConnection>,
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(super) enum Broken {
    /// No connection could be made: nothing was sent.
    Unconnected(RedisError),
    /// Something was sent, and nobody knows what became of it.
    Lost(RedisError),
}

impl Broken {
    pub(super) fn into_error(self, operation: &'static str, effect: Effect) -> PortError {
        match self {
            Self::Unconnected(error) => unconnected(operation)(error),
            Self::Lost(error) => lost(operation, effect)(error),
        }
    }
}

impl Line {
    /// A line that connects when it is first needed.
    pub(super) fn to(server: ConnectionInfo, patience: Duration) -> RedisResult<Self> {
        Ok(Self {
            client: Client::open(server)?,
            patience,
            current: Mutex::new(Current {
                generation: 0,
                connection: None,
            }),
        })
    }

    /// Where the server is.
    pub(super) fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// Sends commands together; answers with their values, errors of single commands among them.
    pub(super) async fn send(&self, commands: &Pipeline) -> Result<Vec<Value>, Broken> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let connected = self.connection().await;
        let (generation, mut connection) = connected.map_err(Broken::Unconnected)?;
        match connection
            .send_packed_commands(commands, 0, commands.len())
            .await
        {
            Ok(values) => Ok(values),
            Err(error) => {
                self.forget(generation).await;
                Err(Broken::Lost(error))
            }
        }
    }

    /// A connection that hears what is published.
    pub(super) async fn listen(&self) -> RedisResult<PubSub> {
        self.client.get_async_pubsub().await
    }

    /// Ends the connection. The next call would make another.
    pub(super) async fn close(&self) {
        self.current.lock().await.connection = None;
    }

    async fn connection(&self) -> RedisResult<(u64, MultiplexedConnection)> {
        // Held while connecting: of many callers one makes the connection.
        let mut current = self.current.lock().await;
        if let Some(connection) = &current.connection {
            return Ok((current.generation, connection.clone()));
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
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

/// What the server answered, apart from its values.
pub(super) fn told(value: &Value) -> Option<&ServerError> {
    if let Value::ServerError(error) = value {
        return Some(error);
    }
    None
}
