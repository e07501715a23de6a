//! Preparing the schema, version by version, all of them in one transaction.

use std::borrow::Cow;

use countersign_ports::{
    Migrated, PendingMigration, PortError, PortErrorKind, PortResult, fresh_store_id,
};
use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, PgConnection, SqlSafeStr};

use crate::connect::pool;
use crate::error::failed;
use crate::transaction::Write;
use crate::transaction::browse;
use crate::{PostgresUrl, Schema};

/// As they are written, for the schema `countersign`.
static WRITTEN: Migrator = sqlx::migrate!("./migrations");

const OPERATION: &str = "migrate";

pub(super) async fn migrate(url: &PostgresUrl) -> PortResult<Migrated> {
    let pool = pool(url, OPERATION).await?;
    let migrated = migrate_in(&pool, url.schema()).await;
    pool.close().await;
    migrated
}

async fn migrate_in(pool: &PgPool, schema: &Schema) -> PortResult<Migrated> {
    let mut write = Write::durable(pool, OPERATION).await?;
    let connection = write.connection();
    // From the first look on, so that of many who migrate at once one does, and the others find it done.
    sqlx::query("SELECT set_config('lock_timeout', '0', true)")
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("countersign migrate {schema}"))
        .execute(&mut *connection)
        .await
        .map_err(failed(OPERATION))?;
    let from = schema_version(connection, schema, OPERATION).await?;
    if from.is_some_and(|from| from > newest_version()) {
        return Err(newer(OPERATION));
    }
    if from == Some(newest_version()) {
        write.roll_back().await?;
        return Ok(Migrated {
            from,
            to: newest_version(),
        });
    }
    if !has_schema(connection, schema).await? {
        sqlx::query(AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
            .execute(&mut *connection)
            .await
            .map_err(failed(OPERATION))?;
    }
    migrator(schema)
        .run_direct(None, connection, false)
        .await
        .map_err(migrate_failed)?;
    sqlx::query(schema.sql(include_str!("../sql/mark_store.sql")))
        .bind(fresh_store_id().as_uuid())
        .execute(write.connection())
        .await
        .map_err(failed(OPERATION))?;
    write.commit().await?;
    Ok(Migrated {
        from,
        to: newest_version(),
    })
}

/// The steps that `migrate` would take, for reading.
pub(super) async fn pending(url: &PostgresUrl) -> PortResult<Vec<PendingMigration>> {
    let pool = pool(url, OPERATION).await?;
    let mut connection = pool.acquire().await.map_err(failed(OPERATION))?;
    let from = schema_version(&mut connection, url.schema(), OPERATION).await?;
    drop(connection);
    pool.close().await;
    if from.is_some_and(|from| from > newest_version()) {
        return Err(newer(OPERATION));
    }
    Ok(WRITTEN
        .iter()
        .filter(|step| from.is_none_or(|from| step.version > from))
        .map(|step| PendingMigration {
            version: step.version,
            description: step.description.to_string(),
            sql: url.schema().rewrite(step.sql.as_str()),
        })
        .collect())
}

/// The migrations for a schema. The caller's transaction holds the lock, and everything together.
fn migrator(schema: &Schema) -> Migrator {
    let steps = WRITTEN
        .iter()
        .map(|step| {
            Migration::new(
                step.version,
                step.description.clone(),
                step.migration_type,
                AssertSqlSafe(schema.rewrite(step.sql.as_str())).into_sql_str(),
                step.no_tx,
            )
        })
        .collect();
    let mut migrator = Migrator::with_migrations(steps);
    migrator.set_locking(false);
    migrator.dangerous_set_table_name(Cow::Owned(format!("{schema}.migrations")));
    migrator
}

fn newest_version() -> i64 {
    WRITTEN
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}

async fn has_schema(connection: &mut PgConnection, schema: &Schema) -> PortResult<bool> {
    sqlx::query_scalar("SELECT to_regnamespace($1) IS NOT NULL")
        .bind(schema.as_str())
        .fetch_one(connection)
        .await
        .map_err(failed(OPERATION))
}

async fn schema_version(
    connection: &mut PgConnection,
    schema: &Schema,
    operation: &'static str,
) -> PortResult<Option<i64>> {
    let known: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .persistent(false)
        .bind(format!("{schema}.migrations"))
        .fetch_one(&mut *connection)
        .await
        .map_err(failed(operation))?;
    if !known {
        return Ok(None);
    }
    sqlx::query_scalar(schema.sql(include_str!("../sql/schema_version.sql")))
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(failed(operation))
}

/// Refuses a schema that holds no store, or one of another version, and a server that is a standby.
pub(crate) async fn require_current_schema(
    pool: &PgPool,
    schema: &Schema,
    operation: &'static str,
) -> PortResult<()> {
    // Not to be committed: it reads.
    let mut snapshot = browse(pool, operation).await?;
    let standby: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()")
        .persistent(false)
        .fetch_one(&mut *snapshot)
        .await
        .map_err(failed(operation))?;
    if standby {
        let detail = "the server is a standby: it takes no changes, and what it knows may be behind; use the primary";
        return Err(PortError::new(PortErrorKind::Refused, operation, detail));
    }
    let unprepared = |detail: &str| {
        let detail = format!("{detail}, run `countersign migrate`");
        Err(PortError::new(
            PortErrorKind::NotMigrated,
            operation,
            detail,
        ))
    };
    match schema_version(&mut snapshot, schema, operation).await? {
        Some(version) if version == newest_version() => Ok(()),
        Some(version) if version > newest_version() => Err(newer(operation)),
        Some(_) => unprepared("the store was prepared by an older version"),
        None => unprepared(&format!("the schema `{schema}` holds no prepared store")),
    }
}

fn newer(operation: &'static str) -> PortError {
    let detail = "the store was prepared by a newer version of Countersign, use that one";
    PortError::new(PortErrorKind::NewerSchema, operation, detail)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "sqlx's errors are open-ended"
)]
fn migrate_failed(error: MigrateError) -> PortError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            failed(OPERATION)(error)
        }
        MigrateError::VersionMissing(_) => newer(OPERATION).caused_by(error),
        MigrateError::VersionMismatch(_) | MigrateError::Dirty(_) => {
            let detail = "the store's schema is not the one its version should have";
            PortError::new(PortErrorKind::Corrupt, OPERATION, detail).caused_by(error)
        }
        _ => {
            let detail = "a step of the schema could not be taken";
            PortError::new(PortErrorKind::Other, OPERATION, detail).caused_by(error)
        }
    }
}
