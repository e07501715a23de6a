//! Connections to the server.

use std::time::Duration;

use countersign_ports::PortResult;
use sqlx::Connection;
use sqlx::postgres::{PgPool, PgPoolOptions};

use crate::PostgresUrl;
use crate::error::failed;

/// Connections of one process: a worker's receiving, starting, completing and renewing, and some to read.
const CONNECTIONS: u32 = 8;

/// How long a call waits for a free one.
const PATIENCE: Duration = Duration::from_secs(30);

/// One that was used this long ago is asked whether it is there before it is used.
pub(crate) const RESTED: Duration = Duration::from_secs(1);

pub(crate) async fn pool(url: &PostgresUrl, operation: &'static str) -> PortResult<PgPool> {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        // A connection that has rested may have died, which a call that commits by itself must not be the one to find
        // out: nobody would know whether it has.
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for > RESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(url.options().clone())
        .await
        .map_err(failed(operation))
}
