//! Holds the server's settings and the schema against the guarantees. Looking changes nothing.

use countersign_ports::{Finding, PortResult, Severity};
use sqlx::PgConnection;

use super::require_current_schema;
use crate::connect::pool;
use crate::error::failed;
use crate::{PostgresUrl, Schema};

mod guards;
mod home;
mod own_tables;
mod server;

const OPERATION: &str = "doctor";

pub(super) async fn doctor(url: &PostgresUrl) -> PortResult<Vec<Finding>> {
    let pool = pool(url, OPERATION).await?;
    require_current_schema(&pool, url.schema(), OPERATION).await?;
    let mut connection = pool.acquire().await.map_err(failed(OPERATION))?;
    let mut patient = Patient {
        connection: &mut connection,
        schema: url.schema(),
    };
    let mut findings = server::look(&mut patient).await?;
    findings.extend(guards::look(&mut patient).await?);
    findings.extend(home::look(&mut patient).await?);
    findings.extend(own_tables::look(&mut patient).await?);
    drop(connection);
    pool.close().await;
    Ok(findings)
}

/// The store that is looked at.
struct Patient<'a> {
    connection: &'a mut PgConnection,
    schema: &'a Schema,
}

impl Patient<'_> {
    /// The one value that a statement answers with.
    async fn ask<T>(&mut self, statement: &'static str) -> PortResult<T>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        sqlx::query_scalar(self.schema.sql(statement))
            .fetch_one(&mut *self.connection)
            .await
            .map_err(failed(OPERATION))
    }

    /// The texts that a statement answers with.
    async fn list(&mut self, statement: &'static str) -> PortResult<Vec<String>> {
        sqlx::query_scalar(self.schema.sql(statement))
            .fetch_all(&mut *self.connection)
            .await
            .map_err(failed(OPERATION))
    }
}

/// As it should be, or worth knowing.
fn note(code: &'static str, found: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Note,
        code,
        found: found.into(),
        endangers: &[],
        mend: String::new(),
    }
}

fn warning(
    code: &'static str,
    found: impl Into<String>,
    endangers: &'static [&'static str],
    mend: impl Into<String>,
) -> Finding {
    Finding {
        severity: Severity::Warning,
        code,
        found: found.into(),
        endangers,
        mend: mend.into(),
    }
}

fn error(
    code: &'static str,
    found: impl Into<String>,
    endangers: &'static [&'static str],
    mend: impl Into<String>,
) -> Finding {
    Finding {
        severity: Severity::Error,
        ..warning(code, found, endangers, mend)
    }
}
