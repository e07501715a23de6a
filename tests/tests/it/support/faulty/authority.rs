//! An authority store that cannot be read while it is told so.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use countersign_domain::{AttributedChange, AuthorityChange, AuthorityQuery, RoleName, RoleRow};
use countersign_ports::{
    Applied, AuthorityLookup, AuthorityStore, LogEntry, LogQuery, LookedUp, PortResult, ShowQuery,
    StoreIdentity,
};
use countersign_sqlite::SqliteAuthority;

use super::unreachable;

/// Fails every look-up while it is unreadable; everything else works.
pub(crate) struct FaultyAuthority {
    inner: SqliteAuthority,
    unreadable: AtomicBool,
    silent: AtomicBool,
    look_ups: AtomicU64,
    meanwhile: Box<dyn Fn() + Send + Sync>,
}

impl FaultyAuthority {
    pub(crate) fn over(inner: SqliteAuthority) -> Self {
        Self::with_delay(inner, || ())
    }

    /// Something happens during each look-up, before it reads.
    pub(crate) fn with_delay(
        inner: SqliteAuthority,
        meanwhile: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner,
            unreadable: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            look_ups: AtomicU64::new(0),
            meanwhile: Box::new(meanwhile),
        }
    }

    pub(crate) fn set_unreadable(&self, unreadable: bool) {
        self.unreadable.store(unreadable, Ordering::SeqCst);
    }

    /// From now on no look-up is answered.
    pub(crate) fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// How many look-ups there were so far, failed ones and those that are not answered too.
    pub(crate) fn look_ups(&self) -> u64 {
        self.look_ups.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl AuthorityLookup for FaultyAuthority {
    fn store(&self) -> &StoreIdentity {
        self.inner.store()
    }

    async fn look_up(&self, queries: &[AuthorityQuery]) -> PortResult<Vec<LookedUp>> {
        (self.meanwhile)();
        if self.silent.load(Ordering::SeqCst) {
            self.look_ups.fetch_add(1, Ordering::SeqCst);
            return std::future::pending().await;
        }
        let answer = if self.unreadable.load(Ordering::SeqCst) {
            Err(unreachable("look_up"))
        } else {
            self.inner.look_up(queries).await
        };
        self.look_ups.fetch_add(1, Ordering::SeqCst);
        answer
    }
}

#[async_trait]
impl AuthorityStore for FaultyAuthority {
    async fn apply(&self, changes: &[AttributedChange]) -> PortResult<Applied> {
        self.inner.apply(changes).await
    }

    async fn show(&self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>> {
        self.inner.show(query).await
    }

    async fn roles(&self, roles: &[RoleName]) -> PortResult<Vec<Option<RoleRow>>> {
        self.inner.roles(roles).await
    }

    async fn log(&self, query: &LogQuery) -> PortResult<Vec<LogEntry>> {
        self.inner.log(query).await
    }
}
