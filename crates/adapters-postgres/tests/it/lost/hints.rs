//! Hints: lost, and whoever waits finds what was queued by looking; and of one's own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_conformance::scene::{AN_HOUR, HOME, eventually};
use countersign_ports::RunQueue;
use countersign_postgres::PostgresStore;
use countersign_postgres::sqlx::{self, Connection};
use tokio::task::JoinHandle;

use super::fault::Fault;
use super::{Line, on_a_line};

impl Line {
    /// Has the store behind the proxy wait for an hour.
    fn wait(&self) -> JoinHandle<()> {
        let queue = Arc::clone(&self.scene.ports.queue);
        tokio::spawn(async move { queue.wait(AN_HOUR).await })
    }

    /// Returns when the store behind the proxy listens.
    async fn listens(&self) {
        eventually("the waiter listens", || async {
            (self.proxy.counts().listening.load(Ordering::SeqCst) > 0).then_some(())
        })
        .await;
    }

    /// Returns when a notification has come through the proxy.
    async fn is_told(&self) {
        eventually("a notification came", || async {
            (self.proxy.counts().notified.load(Ordering::SeqCst) > 0).then_some(())
        })
        .await;
    }

    /// Queues a run in another process, and returns when the one that waits has it.
    async fn queue_elsewhere(&self, waiting: JoinHandle<()>) {
        let key = self.past.submit(HOME.sync()).await;
        waiting.await.unwrap();
        let received = self.scene.receive_soon().await;
        assert_eq!(received.run, key);
    }
}

#[tokio::test]
async fn a_waiter_whose_notifications_are_lost_has_what_another_process_queued() {
    on_a_line(|line| async move {
        line.proxy.set(Fault::Notifications);
        let waiting = line.wait();
        line.listens().await;
        line.queue_elsewhere(waiting).await;
        eventually("a notification was lost", || async {
            (line.proxy.counts().silenced.load(Ordering::SeqCst) > 0).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_waiter_that_must_not_listen_has_what_another_process_queued() {
    on_a_line(|line| async move {
        line.proxy.set(Fault::Listening);
        let waiting = line.wait();
        eventually("listening was refused", || async {
            (line.proxy.counts().refused.load(Ordering::SeqCst) > 0).then_some(())
        })
        .await;
        line.queue_elsewhere(waiting).await;
        assert_eq!(line.proxy.counts().listening.load(Ordering::SeqCst), 0);
    })
    .await;
}

/// The two above would show nothing if notifications never came.
#[tokio::test]
async fn a_waiter_is_told_of_what_another_process_queued() {
    on_a_line(|line| async move {
        let waiting = line.wait();
        line.listens().await;
        line.queue_elsewhere(waiting).await;
        line.is_told().await;
    })
    .await;
}

#[tokio::test]
async fn a_waiter_is_not_told_a_second_time_of_what_its_own_process_queued() {
    on_a_line(|line| async move {
        // The first one makes its process listen, and has the hint of its own run.
        let first = line.wait();
        line.listens().await;
        line.scene.submit(HOME.sync()).await;
        first.await.unwrap();
        line.scene.receive_soon().await;
        let second = line.wait();
        line.is_told().await;
        assert!(line.scene.receive(1).await.is_empty());
        assert!(!second.is_finished(), "it still waits");
        line.queue_elsewhere(second).await;
    })
    .await;
}

#[tokio::test]
async fn a_waiter_is_told_of_what_was_queued_in_a_transaction_of_the_callers() {
    on_a_line(|line| async move {
        let waiting = line.wait();
        line.listens().await;
        let store = line.site.open().await;
        let mut connection = line.site.connect().await;
        let mut transaction = connection.begin().await.unwrap();
        let (runs, asked) = (store.runs(), [HOME.sync()]);
        runs.submit_in(&mut transaction, &asked).await.unwrap();
        transaction.commit().await.unwrap();
        waiting.await.unwrap();
        line.is_told().await;
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_store_that_is_closed_or_dropped_listens_no_more() {
    on_a_line(|line| async move {
        let listeners = async || -> i64 {
            sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity \
                 WHERE application_name = $1 AND query LIKE 'LISTEN %'",
            )
            .bind(&line.name)
            .fetch_one(&mut line.site.connect().await)
            .await
            .unwrap()
        };
        for closes in [true, false] {
            let store = PostgresStore::open(&line.url).await.unwrap();
            store.queue().wait(Duration::ZERO).await;
            eventually("it listens", async || {
                (listeners().await == 1).then_some(())
            })
            .await;
            if closes {
                store.close().await;
                eventually("a closed store listens no more", async || {
                    (listeners().await == 0).then_some(())
                })
                .await;
            }
            drop(store);
            eventually("a dropped store listens no more", async || {
                (listeners().await == 0).then_some(())
            })
            .await;
        }
    })
    .await;
}
