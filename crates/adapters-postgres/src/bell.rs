//! The bell: rings those who wait for something to be queued, in this process and, as a hint that may be
//! lost, in others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::task::AbortHandle;

use crate::PostgresUrl;

/// Notifications of one process are at least this far apart: however much is queued, whoever listens needs
/// to hear of it once.
const APART: Duration = Duration::from_millis(20);

/// How long to wait before listening is tried again.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Bell {
    rung: Arc<Notify>,
    channel: String,
    /// Whether something is still to be told to others.
    untold: Arc<AtomicBool>,
    url: PostgresUrl,
    listening: Mutex<Option<AbortHandle>>,
}

impl Bell {
    pub(crate) fn new(url: &PostgresUrl) -> Self {
        Self {
            rung: Arc::default(),
            channel: format!("{}_queue", url.schema()),
            untold: Arc::default(),
            url: url.clone(),
            listening: Mutex::default(),
        }
    }

    /// Rings, after a commit that queued something. Others are told outside of that commit, as notifying
    /// makes committers wait for each other.
    pub(crate) fn ring(&self, pool: &PgPool) {
        self.rung.notify_one();
        if self.untold.swap(true, Ordering::AcqRel) {
            return;
        }
        let (pool, channel) = (pool.clone(), self.channel.clone());
        let untold = Arc::clone(&self.untold);
        tokio::spawn(async move {
            tokio::time::sleep(APART).await;
            untold.store(false, Ordering::Release);
            let told = sqlx::query("SELECT pg_notify($1, '')")
                .bind(channel)
                .execute(&pool)
                .await;
            if let Err(error) = told {
                tracing::debug!(%error, "other processes were not told that something was queued");
            }
        });
    }

    /// Where others are told.
    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    /// What a waiter waits for. The first one makes this process listen.
    pub(crate) fn rung(&self) -> Notified<'_> {
        let mut listening = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if listening.is_none() {
            let task = listen(
                self.url.clone(),
                self.channel.clone(),
                Arc::clone(&self.rung),
            );
            *listening = Some(tokio::spawn(task).abort_handle());
        }
        self.rung.notified()
    }

    /// Stops listening.
    pub(crate) fn close(&self) {
        let mut listening = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = listening.take() {
            task.abort();
        }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.close();
    }
}

/// Rings whenever another process says that it queued something. On a connection of its own: one that
/// listens is of no use for anything else.
async fn listen(url: PostgresUrl, channel: String, rung: Arc<Notify>) {
    loop {
        let error = match listen_once(&url, &channel, &rung).await {
            Ok(never) => match never {},
            Err(error) => error,
        };
        tracing::debug!(%error, "not told by other processes when something is queued; looking instead");
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

enum Never {}

async fn listen_once(
    url: &PostgresUrl,
    channel: &str,
    rung: &Notify,
) -> Result<Never, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(url.options().clone())
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(channel).await?;
    loop {
        listener.recv().await?;
        rung.notify_one();
    }
}
