//! The server's word on who waits for whom.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use countersign_postgres::sqlx;

use super::stage::Stage;

/// Whoever is not seen to wait by then does not wait.
const PATIENCE: Duration = Duration::from_secs(20);

impl Stage {
    /// Returns once one process is seen waiting for a lock that another holds.
    pub(crate) async fn waits_for(&self, waiting: i32, holder: i32) {
        self.seen(holder, Some(waiting)).await;
    }

    /// Returns once some process is seen waiting for a lock that this one holds, and says which.
    pub(crate) async fn who_waits_for(&self, holder: i32) -> i32 {
        self.seen(holder, None).await
    }

    /// Asks the server until it has the answer: each question is the pause before the next.
    async fn seen(&self, holder: i32, expected: Option<i32>) -> i32 {
        let asked_at = Instant::now();
        loop {
            let waiting = self.waiting().await;
            let found = waiting.iter().find(|one| {
                one.holders.contains(&holder) && expected.is_none_or(|pid| pid == one.pid)
            });
            if let Some(found) = found {
                return found.pid;
            }
            assert!(
                asked_at.elapsed() < PATIENCE,
                "{} is not waiting for {holder}, but:{}",
                expected.map_or("anybody".to_owned(), |pid| pid.to_string()),
                told(&waiting),
            );
        }
    }

    /// Whoever waits for a lock.
    async fn waiting(&self) -> Vec<Waiting> {
        let rows: Vec<(i32, Vec<i32>, String)> = sqlx::query_as(
            "SELECT pid, pg_blocking_pids(pid), left(query, 200) FROM pg_stat_activity
             WHERE wait_event_type = 'Lock' AND datname = current_database()",
        )
        .fetch_all(&self.past)
        .await
        .expect("who waits for whom");
        rows.into_iter()
            .map(|(pid, holders, statement)| Waiting {
                pid,
                holders,
                statement,
            })
            .collect()
    }
}

/// A process of the server's that waits for a lock.
struct Waiting {
    pid: i32,
    holders: Vec<i32>,
    statement: String,
}

fn told(waiting: &[Waiting]) -> String {
    waiting.iter().fold(String::new(), |mut told, one| {
        let Waiting {
            pid,
            holders,
            statement,
        } = one;
        let _ = write!(told, "\n{pid} is waiting for {holders:?} with {statement}");
        told
    })
}
