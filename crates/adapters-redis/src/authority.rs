//! Authority: who may do what, read with a fence and changed under it.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::{AttributedChange, AuthorityChange, AuthorityQuery, RoleName, RoleRow};
use countersign_ports::{
    Applied, AuthorityLookup, AuthorityStore, LogEntry, LogQuery, LookedUp, PortResult, ShowQuery,
    StoreIdentity,
};

use crate::store::Shared;

mod apply;
mod directory;
mod elsewhere;
mod facts;
pub(crate) mod intent;
mod log;
mod look_up;
mod roles;
mod show;
mod slice;

pub(crate) use apply::{directory_call, words};
pub(crate) use directory::DirectoryKind;
pub(crate) use log::read_entry as read_log_entry;
pub(crate) use show::facts_of_slice;

/// Authority in a Redis store.
#[derive(Debug, Clone)]
pub struct RedisAuthority {
    shared: Arc<Shared>,
}

impl RedisAuthority {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[async_trait]
impl AuthorityLookup for RedisAuthority {
    fn store(&self) -> &StoreIdentity {
        self.shared.identity()
    }

    async fn look_up(&self, queries: &[AuthorityQuery]) -> PortResult<Vec<LookedUp>> {
        look_up::look_up(self, queries).await
    }
}

#[async_trait]
impl AuthorityStore for RedisAuthority {
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
