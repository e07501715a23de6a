//! Preparing the file, and holding its settings against the guarantees.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use countersign_ports::{
    Finding, Migrated, PendingMigration, PortError, PortErrorKind, PortResult, Severity, Standing,
    StoreMaintenance, fresh_store_id,
};
use sqlx::SqliteConnection;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqliteSynchronous};

use crate::Clock;
use crate::connect::{connect_options, pool};
use crate::error::failed;

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// Prepares and checks the store at one path, whether or not there is one yet.
#[derive(Debug, Clone)]
pub struct SqliteMaintenance {
    path: PathBuf,
}

impl SqliteMaintenance {
    /// The store at that path.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }
}

#[async_trait]
impl StoreMaintenance for SqliteMaintenance {
    async fn migrate(&self) -> PortResult<Migrated> {
        const OPERATION: &str = "migrate";
        let options = connect_options(&self.path).create_if_missing(true);
        let pool = pool(options, 1).await?;
        // Under the write lock from the first look on, so that of many who migrate at once one does.
        let mut write = pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed(OPERATION))?;
        let from = schema_version(&mut write, OPERATION).await?;
        if from.is_some_and(|from| from > newest_version()) {
            return Err(newer(OPERATION));
        }
        MIGRATOR
            .run_direct(None, &mut *write, false)
            .await
            .map_err(migrate_failed)?;
        sqlx::query(include_str!("sql/mark_store.sql"))
            .bind(fresh_store_id().to_string())
            .bind(Clock::system().now().as_micros())
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        pool.close().await;
        Ok(Migrated {
            from,
            to: newest_version(),
        })
    }

    async fn pending(&self) -> PortResult<Vec<PendingMigration>> {
        const OPERATION: &str = "migrate";
        let from = if self.path.exists() {
            let options = connect_options(&self.path).create_if_missing(false);
            let pool = pool(options, 1).await?;
            let mut connection = pool.acquire().await.map_err(failed(OPERATION))?;
            let from = schema_version(&mut connection, OPERATION).await?;
            drop(connection);
            pool.close().await;
            from
        } else {
            None
        };
        if from.is_some_and(|from| from > newest_version()) {
            return Err(newer(OPERATION));
        }
        Ok(MIGRATOR
            .iter()
            .filter(|step| from.is_none_or(|from| step.version > from))
            .map(|step| PendingMigration {
                version: step.version,
                description: step.description.to_string(),
                sql: step.sql.as_str().to_owned(),
            })
            .collect())
    }

    async fn doctor(&self) -> PortResult<Vec<Finding>> {
        const OPERATION: &str = "doctor";
        if !self.path.exists() {
            let detail = format!(
                "there is no store at `{}`, run `countersign migrate`",
                self.path.display()
            );
            return Err(PortError::new(
                PortErrorKind::NotMigrated,
                OPERATION,
                detail,
            ));
        }
        // With the settings of the file, not ours: looking must not mend.
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(false)
            .synchronous(SqliteSynchronous::Full);
        let pool = pool(options, 1).await?;
        require_current_schema(&pool, OPERATION).await?;
        let mut findings = vec![
            class_of_store(),
            journal_mode(&pool).await?,
            synchronous(&pool).await?,
            guards(&pool).await?,
            integrity(&pool).await?,
            scopes(&pool).await?,
        ];
        findings.extend(home(&pool).await?);
        pool.close().await;
        Ok(findings)
    }
}

fn newest_version() -> i64 {
    MIGRATOR
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}

async fn schema_version(
    connection: &mut SqliteConnection,
    operation: &'static str,
) -> PortResult<Option<i64>> {
    let known: Option<i64> = sqlx::query_scalar(include_str!("sql/has_migrations.sql"))
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed(operation))?;
    match known {
        None => Ok(None),
        Some(_) => sqlx::query_scalar(include_str!("sql/schema_version.sql"))
            .fetch_one(connection)
            .await
            .map_err(failed(operation)),
    }
}

/// Refuses a file that is no store, or one of another version.
pub(crate) async fn require_current_schema(
    pool: &SqlitePool,
    operation: &'static str,
) -> PortResult<()> {
    let mut connection = pool.acquire().await.map_err(failed(operation))?;
    match schema_version(&mut connection, operation).await? {
        Some(version) if version == newest_version() => Ok(()),
        Some(version) if version > newest_version() => Err(newer(operation)),
        Some(_) => Err(PortError::new(
            PortErrorKind::NotMigrated,
            operation,
            "the store was prepared by an older version, run `countersign migrate`",
        )),
        None => Err(PortError::new(
            PortErrorKind::NotMigrated,
            operation,
            "the file is not a prepared store, run `countersign migrate`",
        )),
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
    let (kind, detail) = match &error {
        MigrateError::VersionMissing(_) => return newer("migrate").caused_by(error),
        MigrateError::VersionMismatch(_) | MigrateError::Dirty(_) => (
            PortErrorKind::Corrupt,
            "the store's schema is not the one its version should have",
        ),
        _ => (
            PortErrorKind::Other,
            "a step of the schema could not be taken",
        ),
    };
    PortError::new(kind, "migrate", detail).caused_by(error)
}

fn class_of_store() -> Finding {
    Finding {
        severity: Severity::Note,
        code: "store_class",
        found:
            "SQLite: one machine, one writer at a time, every commit durable before it is answered"
                .to_owned(),
        endangers: &[],
        mend: String::new(),
    }
}

async fn journal_mode(pool: &SqlitePool) -> PortResult<Finding> {
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(pool)
        .await
        .map_err(failed("doctor"))?;
    let wal = mode.eq_ignore_ascii_case("wal");
    Ok(Finding {
        severity: if wal {
            Severity::Note
        } else {
            Severity::Warning
        },
        code: "journal_mode",
        found: format!("journal_mode is {mode}"),
        endangers: &[],
        mend: if wal {
            String::new()
        } else {
            "put the file on a local disk, where WAL works".into()
        },
    })
}

async fn synchronous(pool: &SqlitePool) -> PortResult<Finding> {
    let level: i64 = sqlx::query_scalar("PRAGMA synchronous")
        .fetch_one(pool)
        .await
        .map_err(failed("doctor"))?;
    let full = level >= 2;
    Ok(Finding {
        severity: if full {
            Severity::Note
        } else {
            Severity::Error
        },
        code: "synchronous",
        found: format!("synchronous is {level} on Countersign's own connections (2 is FULL)"),
        endangers: if full { &[] } else { &["G2", "G3", "G5"] },
        mend: if full {
            String::new()
        } else {
            "use a SQLite build that honours synchronous=FULL".into()
        },
    })
}

/// The triggers that hold G1 to G5 against raw SQL.
async fn guards(pool: &SqlitePool) -> PortResult<Finding> {
    const EXPECTED: [&str; 20] = [
        "authority_log_is_not_replaced",
        "authority_log_is_not_rewritten",
        "authority_log_is_not_shortened",
        "rulings_are_kept",
        "rulings_are_not_lost",
        "rulings_are_not_replaced",
        "runs_are_not_lost",
        "runs_are_not_replaced",
        "runs_begin_undecided",
        "runs_have_one_successor",
        "runs_have_their_decision",
        "runs_keep_their_decision",
        "runs_keep_their_unique_key",
        "runs_move_forward",
        "runs_start_once",
        "runs_stay_completed",
        "runs_stay_what_they_are",
        "scopes_are_never_deleted",
        "scopes_are_never_replaced",
        "scopes_never_repeat",
    ];
    let found: Vec<String> = sqlx::query_scalar(include_str!("sql/triggers.sql"))
        .fetch_all(pool)
        .await
        .map_err(failed("doctor"))?;
    let missing: Vec<&str> = EXPECTED
        .into_iter()
        .filter(|name| !found.iter().any(|known| known == name))
        .collect();
    Ok(if missing.is_empty() {
        Finding {
            severity: Severity::Note,
            code: "guards",
            found: format!("all {} guard triggers are in place", EXPECTED.len()),
            endangers: &[],
            mend: String::new(),
        }
    } else {
        Finding {
            severity: Severity::Error,
            code: "guards",
            found: format!("guard triggers are missing: {}", missing.join(", ")),
            endangers: &["G1", "G2", "G3", "G4", "G5"],
            mend: "restore the file from a backup; somebody removed guards with raw SQL".into(),
        }
    })
}

async fn integrity(pool: &SqlitePool) -> PortResult<Finding> {
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(pool)
        .await
        .map_err(failed("doctor"))?;
    let intact = found == "ok";
    Ok(Finding {
        severity: if intact {
            Severity::Note
        } else {
            Severity::Error
        },
        code: "integrity",
        found: format!("quick_check says {found}"),
        endangers: if intact {
            &[]
        } else {
            &["G1", "G2", "G3", "G4", "G5", "G8"]
        },
        mend: if intact {
            String::new()
        } else {
            "restore the file from a backup".into()
        },
    })
}

/// Workspaces whose scope record is gone although it has been raised before, and records that do not
/// read.
async fn scopes(pool: &SqlitePool) -> PortResult<Finding> {
    let damaged: i64 = sqlx::query_scalar(include_str!("sql/damaged_scopes.sql"))
        .fetch_one(pool)
        .await
        .map_err(failed("doctor"))?;
    let intact = damaged == 0;
    Ok(Finding {
        severity: if intact {
            Severity::Note
        } else {
            Severity::Error
        },
        code: "scopes",
        found: format!("{damaged} scope records are missing or malformed"),
        endangers: if intact { &[] } else { &["G2"] },
        mend: if intact {
            String::new()
        } else {
            "restore the file from a backup; somebody changed scope records past the guards".into()
        },
    })
}

/// A move: what an operator should know who finds the store closed. Nothing to say of an open one.
async fn home(pool: &SqlitePool) -> PortResult<Option<Finding>> {
    const GUARDS: usize = 6;
    let standing: String = sqlx::query_scalar(include_str!("sql/home.sql"))
        .fetch_one(pool)
        .await
        .map_err(failed("doctor"))?;
    let standing: Standing = serde_json::from_str(&standing)
        .map_err(|error| PortError::corrupt("doctor", "where the store stands", error))?;
    let Some(refusal) = standing.refusal() else {
        return Ok(None);
    };
    let triggers: Vec<String> = sqlx::query_scalar(include_str!("sql/triggers.sql"))
        .fetch_all(pool)
        .await
        .map_err(failed("doctor"))?;
    let guards = triggers
        .iter()
        .filter(|name| name.starts_with("closed_"))
        .count();
    let intact = guards == GUARDS;
    Ok(Some(Finding {
        severity: if intact {
            Severity::Warning
        } else {
            Severity::Error
        },
        code: "home",
        found: if intact {
            refusal
        } else {
            format!("{refusal}; but {guards} of its {GUARDS} guards are in place")
        },
        endangers: if intact { &[] } else { &["G2", "G3"] },
        mend: if intact {
            "go on with the move, or abandon it: `countersign migrate-store`".into()
        } else {
            "let nobody use the file; somebody removed guards with raw SQL".into()
        },
    }))
}
