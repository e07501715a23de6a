//! Transactions of the test's own, and what they hold.

use countersign_domain::{AttributedChange, AuthorityChange};
use countersign_ports::{Applied, PortResult};
use countersign_postgres::PostgresAuthority;
use countersign_postgres::sqlx::{self, AssertSqlSafe, PgConnection, Postgres};

use super::stage::Stage;

/// A transaction of the test's own, and the process of the server's behind it. Dropped, it comes to nothing.
pub(crate) struct Hand {
    pub(crate) pid: i32,
    transaction: sqlx::Transaction<'static, Postgres>,
    authority: PostgresAuthority,
}

impl Hand {
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    pub(crate) async fn execute(&mut self, statement: &str) -> Result<(), sqlx::Error> {
        let statement = AssertSqlSafe(statement.to_owned());
        sqlx::query(statement).execute(self.connection()).await?;
        Ok(())
    }

    pub(crate) async fn try_apply(&mut self, changes: &[AuthorityChange]) -> PortResult<Applied> {
        let changes: Vec<AttributedChange> = changes.iter().cloned().map(Into::into).collect();
        let connection = &mut self.transaction;
        self.authority.apply_in(connection, &changes).await
    }

    pub(crate) async fn apply(&mut self, changes: &[AuthorityChange]) -> Applied {
        self.try_apply(changes).await.expect("the changes are made")
    }

    pub(crate) async fn commit(self) {
        self.transaction.commit().await.expect("a commit");
    }

    pub(crate) async fn roll_back(self) {
        self.transaction.rollback().await.expect("a rollback");
    }
}

impl Stage {
    /// A transaction of the test's own.
    pub(crate) async fn begins(&self) -> Hand {
        self.begins_with("BEGIN ISOLATION LEVEL READ COMMITTED")
            .await
    }

    /// A transaction of the test's own that begins in that way.
    pub(crate) async fn begins_with(&self, begin: &'static str) -> Hand {
        let begun = self.past.begin_with(begin).await;
        let mut transaction = begun.expect("a transaction");
        let pid = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut *transaction)
            .await
            .expect("the process behind the connection");
        Hand {
            transaction,
            pid,
            authority: self.store.authority(),
        }
    }

    /// Changes that are made and not committed.
    pub(crate) async fn uncommitted(&self, changes: &[AuthorityChange]) -> Hand {
        let mut hand = self.begins().await;
        hand.apply(changes).await;
        hand
    }

    /// Makes changes that must wait for another transaction, which commits once they are seen to wait.
    pub(crate) async fn apply_after(
        &self,
        first: Hand,
        second: &mut Hand,
        changes: &[AuthorityChange],
    ) -> Applied {
        let pids = (second.pid, first.pid);
        let (applied, ()) = tokio::join!(second.apply(changes), async {
            self.waits_for(pids.0, pids.1).await;
            first.commit().await;
        });
        applied
    }
}

/// The workspaces whose revisions were replaced are these.
pub(crate) fn assert_raised(applied: &Applied, workspaces: &[&str]) {
    let raised: Vec<&str> = applied
        .raised
        .iter()
        .map(|scope| scope.workspace.as_str())
        .collect();
    assert_eq!(raised, workspaces);
}

/// Holds every start between its locks and its commit, once it has moved its runs: until the transaction
/// ends.
pub(crate) async fn close_door(stage: &Stage) -> Hand {
    stage
        .execute(
            "CREATE TABLE countersign.door (name text PRIMARY KEY);
             INSERT INTO countersign.door VALUES ('door');
             CREATE FUNCTION countersign.pass_the_door() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 PERFORM 1 FROM countersign.door FOR SHARE;
                 RETURN NULL;
             END $$;
             CREATE TRIGGER starts_pass_the_door AFTER UPDATE ON countersign.run_states
             FOR EACH ROW EXECUTE FUNCTION countersign.pass_the_door()",
        )
        .await;
    let held = "SELECT name FROM countersign.door WHERE name = $1 FOR UPDATE";
    hold(stage, held, "door").await
}

/// Holds a scope as a start does.
pub(crate) async fn hold_scope(stage: &Stage, workspace: &str) -> Hand {
    let held = "SELECT workspace_id FROM countersign.scopes WHERE workspace_id = $1 FOR SHARE";
    hold(stage, held, workspace).await
}

/// Holds a tenant as a change does that sets it.
pub(crate) async fn hold_tenant(stage: &Stage, tenant: &str) -> Hand {
    let held = "SELECT id FROM countersign.subjects WHERE kind = 'tenant' AND id = $1 FOR UPDATE";
    hold(stage, held, tenant).await
}

async fn hold(stage: &Stage, statement: &str, id: &str) -> Hand {
    let mut hand = stage.begins().await;
    sqlx::query(AssertSqlSafe(stage.rewritten(statement)))
        .bind(id)
        .fetch_one(hand.connection())
        .await
        .expect("a row that is there");
    hand
}
