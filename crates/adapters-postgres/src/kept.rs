//! Connections kept at hand for calls.
//!
//! The pool asks the server at each return whether the connection is still there, which is a round trip for each call,
//! and lends those that have rested longest. One that has just answered needs no asking, and its server process has
//! everything at hand: it is the next to be lent. It goes back to the pool where anything failed, where a call was
//! dropped, and after a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::{Connection, PgConnection, Postgres};

use crate::connect::RESTED;

/// At most so many: a worker's receiving, its look-up and start, its completing, and a submission. The others are for
/// transactions.
const AT_HAND: usize = 4;

/// How long one is kept. The pool looks at it then, and ends it in its time.
const KEPT_FOR: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(crate) struct Kept {
    pool: PgPool,
    /// Those at hand, the one that was used last at the end; none once closed.
    at_hand: Mutex<Option<Vec<Line>>>,
}

/// A connection that is lent. Dropped, it goes back to the pool.
#[derive(Debug)]
pub(crate) struct Line {
    connection: PoolConnection<Postgres>,
    out_since: Instant,
    used_at: Instant,
}

impl Line {
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Kept {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            at_hand: Mutex::new(Some(Vec::with_capacity(AT_HAND))),
        }
    }

    /// One that is there, as far as can be known.
    pub(crate) async fn take(&self) -> Result<Line, sqlx::Error> {
        while let Some(mut line) = self.pop() {
            if line.used_at.elapsed() <= RESTED || line.connection.ping().await.is_ok() {
                return Ok(line);
            }
        }
        let now = Instant::now();
        Ok(Line {
            connection: self.pool.acquire().await?,
            out_since: now,
            used_at: now,
        })
    }

    /// Keeps one that has just answered.
    pub(crate) fn keep(&self, mut line: Line) {
        let now = Instant::now();
        line.used_at = now;
        if let Some(at_hand) = self.lines().as_mut()
            && at_hand.len() < AT_HAND
            && now.duration_since(line.out_since) < KEPT_FOR
        {
            at_hand.push(line);
        }
    }

    /// Gives all of them back, for good.
    pub(crate) fn close(&self) {
        drop(self.lines().take());
    }

    fn pop(&self) -> Option<Line> {
        self.lines().as_mut()?.pop()
    }

    fn lines(&self) -> MutexGuard<'_, Option<Vec<Line>>> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Kept {
    /// Ends them here: giving them back takes a runtime, which may be gone by now.
    fn drop(&mut self) {
        let at_hand = self.lines().take().unwrap_or_default();
        for Line { connection, .. } in at_hand {
            drop(connection.detach());
        }
    }
}
