//! The bell: rings those who wait for something to be queued, in this process and, as a hint that may be
//! lost, in others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use uuid::Uuid;

use crate::PostgresUrl;

/// Notifications of one process are at least this far apart: the first is sent at once, and however much is queued
/// meanwhile, whoever listens needs to hear of it once more.
const APART: Duration = Duration::from_millis(20);

/// How long to wait before listening is tried again.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Bell {
    rung: Arc<Notify>,
    channel: String,
    /// What its own notifications say. Who waits here was rung already.
    name: Arc<str>,
    others: Arc<Others>,
    url: PostgresUrl,
    listening: Mutex<Option<AbortHandle>>,
}

/// What others were told.
#[derive(Debug, Default)]
struct Others {
    /// Whether something is still to be told to them.
    untold: AtomicBool,
    told_at: Mutex<Option<Instant>>,
}

impl Others {
    /// Waits until it is time to tell them something.
    async fn when_due(&self) {
        let told_at = *self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told_at) = told_at {
            tokio::time::sleep_until(told_at + APART).await;
        }
        *self.told_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.untold.store(false, Ordering::Release);
    }
}

impl Bell {
    pub(crate) fn new(url: &PostgresUrl) -> Self {
        Self {
            rung: Arc::default(),
            channel: format!("{}_queue", url.schema()),
            name: Uuid::new_v4().to_string().into(),
            others: Arc::default(),
            url: url.clone(),
            listening: Mutex::default(),
        }
    }

    /// Rings, after a commit that queued something. Others are told outside of that commit, as notifying
    /// makes committers wait for each other.
    pub(crate) fn ring(&self, pool: &PgPool) {
        self.rung.notify_one();
        if self.others.untold.swap(true, Ordering::AcqRel) {
            return;
        }
        let (pool, others) = (pool.clone(), Arc::clone(&self.others));
        let (channel, name) = (self.channel.clone(), Arc::clone(&self.name));
        tokio::spawn(async move {
            others.when_due().await;
            let told = sqlx::query("SELECT pg_notify($1, $2)")
                .bind(channel)
                .bind(&*name)
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
                Arc::clone(&self.name),
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
async fn listen(url: PostgresUrl, channel: String, own: Arc<str>, rung: Arc<Notify>) {
    loop {
        let error = match listen_once(&url, &channel, &own, &rung).await {
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
    own: &str,
    rung: &Notify,
) -> Result<Never, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(url.options().clone())
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(channel).await?;
    loop {
        let told = listener.recv().await?;
        if told.payload() != own {
            rung.notify_one();
        }
    }
}
