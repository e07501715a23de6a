//! The schema holds the guarantees against any writer: raw SQL meets its constraints and triggers, too.
//!
//! A statement that is to be refused breaks one rule and keeps the others as far as they let it, and the
//! test names the guard that refuses it: a guard that is gone is missed, even where another one would still
//! refuse. That a refused statement leaves nothing behind is the server's part.

mod damage;
mod g1;
mod g2;
mod g3;
mod g3_begins;
mod g4;
mod g4_rulings;
mod g5;
mod g6;
mod g8;
mod held;
mod log;
mod nulls;
mod raw_run;
mod rulings;

use countersign_conformance::scene::Scene;
use countersign_ports::RunKey;
use countersign_postgres::sqlx::postgres::{PgDatabaseError, PgPool};
use countersign_postgres::sqlx::{self, AssertSqlSafe};

use crate::support::Site;

/// A world in a store, and a door past the adapter.
struct Guarded {
    scene: Scene,
    raw: PgPool,
}

/// Runs a test on a store of its own.
fn guarded(test: impl AsyncFnOnce(Guarded) + 'static) {
    Site::lend(async |site| {
        let guarded = Guarded {
            scene: site.scene().await,
            raw: site.raw().await,
        };
        test(guarded).await;
    });
}

/// A statement that was refused.
#[derive(Debug)]
struct Refusal {
    /// The constraint or the trigger, else the column that is never null, else the server's code.
    by: String,
    message: String,
}

impl Guarded {
    /// A statement that no guard minds.
    async fn execute(&self, sql: &str) -> u64 {
        let done = sqlx::query(AssertSqlSafe(sql)).execute(&self.raw).await;
        match done {
            Ok(done) => done.rows_affected(),
            Err(error) => panic!("{error}: {sql}"),
        }
    }

    /// A statement that some guard must mind.
    async fn refused(&self, sql: &str) -> Refusal {
        let done = sqlx::query(AssertSqlSafe(sql)).execute(&self.raw).await;
        let error = match done {
            Ok(done) => panic!("{} rows were touched: {sql}", done.rows_affected()),
            Err(error) => error.into_database_error().expect("the server's own word"),
        };
        let error = error.downcast::<PgDatabaseError>();
        let by = error.constraint().or(error.column());
        Refusal {
            by: by.unwrap_or(error.code()).to_owned(),
            message: error.message().to_owned(),
        }
    }

    /// A statement that this guard must mind.
    async fn refuses(&self, sql: &str, guard: &str) {
        let refusal = self.refused(sql).await;
        assert_eq!(refusal.by, guard, "{refusal:?} of {sql}");
    }

    /// A statement that a trigger must mind, and say which guarantee is at stake.
    async fn refuses_for(&self, guarantee: &str, sql: &str, trigger: &str) {
        let refusal = self.refused(sql).await;
        assert_eq!(refusal.by, trigger, "{refusal:?} of {sql}");
        let (named, _) = refusal.message.split_once(": ").expect("a guarantee");
        assert_eq!(named, guarantee, "{refusal:?} of {sql}");
    }

    /// The one value that a query answers with.
    async fn value<T>(&self, sql: &str) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&self.raw)
            .await
            .expect(sql)
    }

    /// Does what only the owner of the tables can: lets a statement past their triggers.
    async fn without_triggers(&self, table: &str, sql: &str) {
        self.execute(&format!("ALTER TABLE {table} DISABLE TRIGGER USER"))
            .await;
        self.execute(sql).await;
        self.execute(&format!("ALTER TABLE {table} ENABLE TRIGGER USER"))
            .await;
    }
}

/// A start but for its decision.
const START: &str = "status = 'running', started_at = now(), lease_id = gen_random_uuid(), lease_expires_at = now()";

/// A block but for its decision.
const BLOCK: &str = "status = 'completed', outcome = 'blocked', completed_at = now()";

/// A cancellation of a run that is queued.
const CANCEL: &str =
    "status = 'completed', outcome = 'cancelled', completed_at = now(), cancel_by = 'somebody'";

/// Writes to what became of a run.
fn set(run: &RunKey, columns: &str) -> String {
    format!("UPDATE run_states SET {columns} WHERE id = '{}'", run.id)
}

/// The same columns, one of them null.
fn nulled(columns: &str, null: &str) -> String {
    let columns = columns.split(", ").map(|one| match one.split_once(" = ") {
        Some((column, _)) if column == null => format!("{column} = NULL"),
        _ => one.to_owned(),
    });
    columns.collect::<Vec<_>>().join(", ")
}
