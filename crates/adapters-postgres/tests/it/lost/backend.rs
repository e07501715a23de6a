//! Backends that end before the commit: nothing was changed, and the same call may work later.

use std::future::Future;
use std::slice::from_ref;

use countersign_conformance::scene::{Came, HOME, eventually, patiently};
use countersign_domain::{RunOutcome, RunStatus, Submission};
use countersign_ports::{
    Finished, PortResult, RetryClass, RunRepository as _, Submitted, Work, fresh_run_id,
};
use countersign_postgres::PostgresStore;
use countersign_postgres::sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::change::changes;
use super::{Line, on_a_line};

impl Line {
    /// Holds a table: whoever wants to change it waits for the connection that is answered with.
    async fn hold(&self, table: &str) -> PgConnection {
        let schema = self.site.schema();
        let statements = format!("BEGIN; LOCK TABLE {schema}.{table} IN EXCLUSIVE MODE");
        let mut holder = self.site.connect().await;
        holder.execute(AssertSqlSafe(statements)).await.unwrap();
        holder
    }

    /// Calls what is to change this table, and has the server end the backend that is at it.
    async fn lose_backend<T>(&self, table: &str, called: impl Future<Output = PortResult<T>>) {
        let holder = self.hold(table).await;
        let losing = async {
            for backend in self.waiting_backends(1).await {
                self.terminate(backend).await;
            }
        };
        let (called, ()) = tokio::join!(called, losing);
        drop(holder);
        match called {
            Ok(_) => panic!("answered by a backend that was ended"),
            Err(error) => assert_eq!(error.retry(), RetryClass::Later, "{error}"),
        }
    }
}

#[tokio::test]
async fn a_begin_whose_backend_ends_changes_nothing_and_may_be_called_again() {
    on_a_line(|line| async move {
        let key = line.past.submit(HOME.sync()).await;
        let start = line.scene.judge(&key).await;
        let runs = &line.scene.ports.runs;
        line.lose_backend("run_states", runs.begin(from_ref(&start)))
            .await;
        line.assert_untouched(&key).await;
        assert_eq!(line.scene.begin_one(&start).await, Came::Started);
        line.assert_running(&start).await;
    })
    .await;
}

#[tokio::test]
async fn a_submit_whose_backend_ends_queues_nothing_and_may_be_called_again() {
    on_a_line(|line| async move {
        let submission = Submission {
            id: Some(fresh_run_id()),
            ..HOME.sync()
        };
        let runs = &line.scene.ports.runs;
        line.lose_backend("runs", runs.submit(from_ref(&submission)))
            .await;
        assert!(line.past.receive(10).await.is_empty());
        let again = line.scene.offer(from_ref(&submission)).await;
        assert!(matches!(again[0], Submitted::Created { .. }), "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn a_finish_whose_backend_ends_completes_nothing_and_may_be_called_again() {
    on_a_line(|line| async move {
        let running = line.past.running().await;
        let finish = running.finish(Work::Succeeded);
        let runs = &line.scene.ports.runs;
        line.lose_backend("run_states", runs.finish(from_ref(&finish)))
            .await;
        let stands = line.past.stands(&running.key).await;
        assert_eq!(stands, (RunStatus::Running, RunOutcome::Pending));
        let again = line.scene.finish(finish).await;
        let completed = Finished::Completed {
            outcome: RunOutcome::Succeeded,
            successor: None,
        };
        assert_eq!(again, completed);
    })
    .await;
}

#[tokio::test]
async fn an_apply_whose_backend_ends_changes_nothing_and_may_be_called_again() {
    on_a_line(|line| async move {
        let keys = line.past.submit_all([HOME.sync(), HOME.sync()]).await;
        let allowed = line.past.judge(&keys[0]).await;
        let (changes, authority) = (changes(), &line.scene.ports.authority);
        line.lose_backend("grants", authority.apply(&changes)).await;
        assert_eq!(line.times_applied().await, 0);
        assert_eq!(line.past.begin_one(&allowed).await, Came::Started);

        patiently(|| authority.apply(&changes)).await;
        assert_eq!(line.past.try_start(&keys[1]).await, Came::Blocked);
    })
    .await;
}

#[tokio::test]
async fn connections_that_end_while_nobody_uses_them_are_replaced() {
    on_a_line(|line| async move {
        let keys = line
            .past
            .submit_all(std::iter::repeat_n(HOME.sync(), 8))
            .await;
        // So many calls at once that each has a connection of its own.
        let clocks = keys.iter().map(|_| {
            let scene = line.scene.clone();
            tokio::spawn(async move { scene.clock().await })
        });
        for clock in Vec::from_iter(clocks) {
            clock.await.unwrap();
        }
        for backend in line.backends().await {
            line.terminate(backend).await;
        }
        for key in &keys {
            assert_eq!(line.scene.try_start(key).await, Came::Started);
        }
    })
    .await;
}

#[tokio::test]
async fn a_store_that_was_closed_has_no_connections() {
    on_a_line(|line| async move {
        let others = line.backends().await.len();
        let store = PostgresStore::open(&line.url).await.unwrap();
        store.runs().clock().await.unwrap();
        assert!(line.backends().await.len() > others);
        store.close().await;
        eventually("its connections are gone", || async {
            (line.backends().await.len() <= others).then_some(())
        })
        .await;
    })
    .await;
}
