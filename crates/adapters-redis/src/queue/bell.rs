//! The bell: rings those who wait for something to be queued, as a hint that may be lost; and what each of
//! them waits for besides.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use redis::RedisResult;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::connect::Reach;

/// How long to wait before listening is tried again.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);

/// How long a waiter who is told nothing waits before looking for itself.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Longer than anybody waits.
const A_DAY: Duration = Duration::from_secs(86_400);

/// Rung by scripts, over a connection of its own: one that listens is of no use for anything else.
#[derive(Debug)]
pub(crate) struct Bell {
    channel: String,
    rung: Arc<Rung>,
    listener: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Rung {
    /// How often it rang.
    times: watch::Sender<u64>,
    /// Whether this process is told when others ring.
    is_heard: AtomicBool,
}

impl Rung {
    fn ring(&self) {
        self.times
            .send_modify(|times| *times = times.wrapping_add(1));
    }
}

impl Bell {
    pub(crate) fn new(channel: String) -> Self {
        let rung = Rung {
            times: watch::Sender::new(0),
            is_heard: AtomicBool::new(false),
        };
        Self {
            channel,
            rung: Arc::new(rung),
            listener: Mutex::default(),
        }
    }

    /// Rings in this process, where it does not hear what the script rang.
    pub(crate) fn ring_unheard(&self) {
        if !self.rung.is_heard.load(Ordering::Acquire) {
            self.rung.ring();
        }
    }

    /// Returns when it rang since the last look, when an entry that was seen waiting is ready, and at the
    /// latest after `at_most`. The first one who waits makes this process listen.
    pub(crate) async fn wait(&self, reach: &Arc<Reach>, watch: &Watch, at_most: Duration) {
        self.listen(reach);
        let mut rung = self.rung.times.subscribe();
        let now = Instant::now();
        let at_most = match self.rung.is_heard.load(Ordering::Acquire) {
            true => at_most.min(A_DAY),
            false => at_most.min(LOOK_EVERY),
        };
        let until = watch.expected_by(now + at_most);
        let seen = watch.seen.load(Ordering::Acquire);
        tokio::select! {
            _ = rung.wait_for(|times| *times != seen) => {}
            () = tokio::time::sleep_until(until) => {}
        }
    }

    fn listen(&self, reach: &Arc<Reach>) {
        let mut listener = lock(&self.listener);
        // It ends with the runtime that it was started on.
        if listener.as_ref().is_none_or(JoinHandle::is_finished) {
            let (reach, channel) = (Arc::clone(reach), self.channel.clone());
            let rung = Arc::clone(&self.rung);
            *listener = Some(tokio::spawn(listen(reach, channel, rung)));
        }
    }

    /// Stops listening.
    pub(crate) fn close(&self) {
        if let Some(listener) = lock(&self.listener).take() {
            listener.abort();
        }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.close();
    }
}

/// Rings whenever somebody says that something was queued.
async fn listen(reach: Arc<Reach>, channel: String, rung: Arc<Rung>) {
    loop {
        let ended = listen_once(&reach, &channel, &rung).await;
        if let Err(error) = ended {
            tracing::debug!(%error, "not told when something is queued; looking instead");
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

async fn listen_once(reach: &Reach, channel: &str, rung: &Arc<Rung>) -> RedisResult<()> {
    let mut listening = reach.listen().await?;
    listening.subscribe(channel).await?;
    let heard = Heard::from_now(rung);
    let mut messages = listening.on_message();
    while messages.next().await.is_some() {
        heard.0.ring();
    }
    Ok(())
}

/// For as long as this process is told: however that ends.
struct Heard<'a>(&'a Rung);

impl<'a> Heard<'a> {
    fn from_now(rung: &'a Rung) -> Self {
        rung.is_heard.store(true, Ordering::Release);
        // What was queued up to now was told to nobody here.
        rung.ring();
        Self(rung)
    }
}

impl Drop for Heard<'_> {
    fn drop(&mut self) {
        self.0.is_heard.store(false, Ordering::Release);
        self.0.ring();
    }
}

/// What one user of the queue has seen of it.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// How often the bell had rung at the last look.
    seen: AtomicU64,
    /// When the first entry is to be ready that was seen waiting.
    next: Mutex<Option<Instant>>,
}

impl Watch {
    /// Notes that the queue is looked at now.
    pub(super) fn looks(&self, bell: &Bell) {
        self.seen
            .store(*bell.rung.times.borrow(), Ordering::Release);
        let mut next = lock(&self.next);
        *next = next.filter(|next| *next > Instant::now());
    }

    /// Notes in what time an entry is to be ready.
    pub(super) fn expect_in(&self, time: Option<Duration>) {
        if let Some(time) = time {
            let at = Instant::now() + time.min(A_DAY);
            let mut next = lock(&self.next);
            *next = Some(next.map_or(at, |next| next.min(at)));
        }
    }

    fn expected_by(&self, until: Instant) -> Instant {
        lock(&self.next).map_or(until, |next| next.min(until))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
