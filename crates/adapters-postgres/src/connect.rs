//! Connections to the server.

use std::time::Duration;

use countersign_ports::PortResult;
use sqlx::postgres::{PgPool, PgPoolOptions};

use crate::PostgresUrl;
use crate::error::failed;

/// Connections of one process: a worker's receiving, starting, completing and renewing, and some to read.
const CONNECTIONS: u32 = 8;

/// How long a call waits for a free one.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn pool(url: &PostgresUrl, operation: &'static str) -> PortResult<PgPool> {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        // A connection that died is found out by its first statement, which changes nothing.
        .test_before_acquire(false)
        .connect_with(url.options().clone())
        .await
        .map_err(failed(operation))
}
