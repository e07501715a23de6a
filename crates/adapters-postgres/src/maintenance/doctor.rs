//! Holds the server's settings and the schema against the guarantees.

use countersign_ports::{Finding, PortResult};

use super::require_current_schema;
use crate::PostgresUrl;
use crate::connect::pool;

const OPERATION: &str = "doctor";

pub(super) async fn doctor(url: &PostgresUrl) -> PortResult<Vec<Finding>> {
    let pool = pool(url, OPERATION).await?;
    require_current_schema(&pool, url.schema(), OPERATION).await?;
    pool.close().await;
    Ok(Vec::new())
}
