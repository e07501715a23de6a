//! Who may do what, in a SQLite file: read with its fence, and changed under the write lock.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::{AttributedChange, AuthorityChange, AuthorityQuery, RoleName, RoleRow};
use countersign_ports::{
    Applied, AuthorityLookup, AuthorityStore, LogEntry, LogQuery, LookedUp, PortResult, ShowQuery,
    StoreIdentity,
};

use crate::store::Shared;

mod apply;
mod log;
mod look_up;
mod raise;
mod roles;
pub(crate) mod show;

pub(crate) use apply::write_fact;
pub(crate) use log::read_log_entry;

/// The authority in a SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteAuthority {
    shared: Arc<Shared>,
}

impl SqliteAuthority {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[async_trait]
impl AuthorityLookup for SqliteAuthority {
    fn store(&self) -> &StoreIdentity {
        self.shared.identity()
    }

    async fn look_up(&self, queries: &[AuthorityQuery]) -> PortResult<Vec<LookedUp>> {
        look_up::look_up(self, queries).await
    }
}

#[async_trait]
impl AuthorityStore for SqliteAuthority {
    async fn apply(&self, changes: &[AttributedChange]) -> PortResult<Applied> {
        apply::apply(self, changes).await
    }

    async fn show(&self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>> {
        show::show(self, query).await
    }

    async fn roles(&self, roles: &[RoleName]) -> PortResult<Vec<Option<RoleRow>>> {
        roles::roles(self, roles).await
    }

    async fn log(&self, query: &LogQuery) -> PortResult<Vec<LogEntry>> {
        log::log(self, query).await
    }
}
