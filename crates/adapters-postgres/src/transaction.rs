//! Transactions: what each is set to, and trying again where the server let another one through.

use std::time::Duration;

use countersign_ports::{PortError, PortErrorKind, PortResult};
use sqlx::postgres::PgPool;
use sqlx::{PgConnection, Postgres, SqlStr, Transaction};

use crate::error::{commit_failed, failed};

/// How often a transaction that lost to another one is tried.
const ATTEMPTS: u32 = 8;

/// The longest wait before it is tried again.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// Begins a transaction whose commit others will rely on.
///
/// Every setting is the transaction's own, so that nothing rests on the session: behind a proxy that pools
/// transactions there is none. `synchronous_commit` is raised where it is lower (G2, G3, G5), never
/// lowered. Generic plans, and loops over indexes whatever the statistics say: statistics of a table that
/// fills and empties within seconds are always wrong, and a join that scans it instead is the end of a
/// drain. What a statement joins to values it was given it finds by `= ANY (ARRAY[…])`: by `=` alone, all of an
/// index in order is a way to join.
const DURABLE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
                          WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true), \
           set_config('plan_cache_mode', 'force_generic_plan', true), \
           set_config('enable_seqscan', 'off', true), \
           set_config('enable_hashjoin', 'off', true), \
           set_config('enable_mergejoin', 'off', true), \
           set_config('enable_bitmapscan', 'off', true), \
           set_config('jit', 'off', true), \
           set_config('lock_timeout', '10s', true)";

/// One for a call that brings its own settings with it.
const PLAIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// One that may be lost with the server, planned by the statistics: for what goes through a whole table.
const THOROUGH: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
    SELECT set_config('synchronous_commit', 'off', true), \
           set_config('lock_timeout', '10s', true)";

/// One snapshot.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SELECT set_config('plan_cache_mode', 'force_generic_plan', true), \
           set_config('enable_seqscan', 'off', true), \
           set_config('jit', 'off', true)";

/// One snapshot, planned by the statistics: for what people ask in many ways.
const BROWSE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A transaction of an operation that errors are told of.
pub(crate) struct Write {
    transaction: Transaction<'static, Postgres>,
    operation: &'static str,
}

impl Write {
    /// Begins one whose commit is durable before it is answered.
    pub(crate) async fn durable(pool: &PgPool, operation: &'static str) -> PortResult<Self> {
        Self::begin(pool, operation, DURABLE).await
    }

    /// Begins one for a call that brings its own settings with it.
    pub(crate) async fn plain(pool: &PgPool, operation: &'static str) -> PortResult<Self> {
        Self::begin(pool, operation, PLAIN).await
    }

    /// Begins one that goes through a whole table, and whose commit may be lost with the server.
    pub(crate) async fn thorough(pool: &PgPool, operation: &'static str) -> PortResult<Self> {
        Self::begin(pool, operation, THOROUGH).await
    }

    async fn begin(
        pool: &PgPool,
        operation: &'static str,
        statement: &'static str,
    ) -> PortResult<Self> {
        let transaction = open(pool, statement).await.map_err(failed(operation))?;
        Ok(Self {
            transaction,
            operation,
        })
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    pub(crate) async fn commit(self) -> PortResult<()> {
        self.transaction
            .commit()
            .await
            .map_err(commit_failed(self.operation))
    }

    /// Gives up whatever was done.
    pub(crate) async fn roll_back(self) -> PortResult<()> {
        self.transaction
            .rollback()
            .await
            .map_err(failed(self.operation))
    }
}

/// Opens one snapshot.
pub(crate) async fn snapshot(
    pool: &PgPool,
    operation: &'static str,
) -> PortResult<Transaction<'static, Postgres>> {
    open(pool, SNAPSHOT).await.map_err(failed(operation))
}

/// Opens one snapshot for a statement that is planned by the statistics.
///
/// A transaction also for a single statement: the driver prepares and runs one in two steps, and a proxy that
/// pools transactions may take them to two servers.
pub(crate) async fn browse(
    pool: &PgPool,
    operation: &'static str,
) -> PortResult<Transaction<'static, Postgres>> {
    open(pool, BROWSE).await.map_err(failed(operation))
}

/// In a task of its own: the driver forgets a transaction whose beginning is dropped halfway, and hands its
/// connection to the next one as it is.
async fn open(
    pool: &PgPool,
    statement: &'static str,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let pool = pool.clone();
    let opening = async move { pool.begin_with(SqlStr::from_static(statement)).await };
    tokio::spawn(opening)
        .await
        .unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

/// Runs a transaction, and runs it again where the server chose to let another one through.
pub(crate) async fn again_on_conflict<T, F>(mut attempt: impl FnMut() -> F) -> PortResult<T>
where
    F: Future<Output = PortResult<T>>,
{
    let mut tried = 1;
    loop {
        match attempt().await {
            Err(error) if tried < ATTEMPTS && was_conflict(&error) => {
                // Apart, or the same two meet again.
                let most = Duration::from_millis(1 << tried).min(LONGEST_WAIT);
                tokio::time::sleep(most.mul_f64(fastrand::f64())).await;
                tried += 1;
            }
            ended => return ended,
        }
    }
}

fn was_conflict(error: &PortError) -> bool {
    error.kind() == PortErrorKind::Busy
        && std::error::Error::source(error)
            .and_then(|source| source.downcast_ref::<sqlx::Error>())
            .is_some_and(crate::error::is_conflict)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::error::tests::Said;

    /// What comes of a transaction that the server answers so, and how often it was tried.
    async fn tried(answers: impl Fn(u32) -> Result<(), &'static str>) -> (bool, u32) {
        let tried = Cell::new(0);
        let ended = again_on_conflict(|| {
            tried.set(tried.get() + 1);
            assert!(tried.get() <= ATTEMPTS, "it ends");
            let answer = answers(tried.get());
            async move { answer.map_err(|code| failed("begin")(Said(code).into())) }
        });
        (ended.await.is_ok(), tried.get())
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_that_was_given_up_for_another_is_tried_again() {
        for code in ["40001", "40P01"] {
            let third = tried(|attempt| if attempt < 3 { Err(code) } else { Ok(()) });
            assert_eq!(third.await, (true, 3), "{code}");
            assert_eq!(tried(|_| Err(code)).await, (false, ATTEMPTS), "{code}");
        }
    }

    /// Busy by another cause, or another error that has one.
    #[tokio::test(start_paused = true)]
    async fn no_other_error_is() {
        for code in ["55P03", "57014", "57P01", "23505"] {
            assert_eq!(tried(|_| Err(code)).await, (false, 1), "{code}");
        }
        let of_no_server = || PortError::new(PortErrorKind::Busy, "begin", "by itself");
        assert!(!was_conflict(&of_no_server()));
        let other = of_no_server().caused_by(sqlx::Error::PoolTimedOut);
        assert!(!was_conflict(&other));
    }
}
