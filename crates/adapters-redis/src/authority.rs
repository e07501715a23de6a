//! Authority: who may do what, read with a fence and changed under it.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::{AttributedChange, AuthorityChange, AuthorityQuery, RoleName, RoleRow};
use countersign_ports::{
    Applied, AuthorityLookup, AuthorityStore, LogEntry, LogQuery, LookedUp, PortResult, ShowQuery,
    StoreIdentity,
};

use crate::store::Shared;

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

    async fn look_up(&self, _queries: &[AuthorityQuery]) -> PortResult<Vec<LookedUp>> {
        Err(crate::error::unreadable("look_up", "authority"))
    }
}

#[async_trait]
impl AuthorityStore for RedisAuthority {
    async fn apply(&self, _changes: &[AttributedChange]) -> PortResult<Applied> {
        Err(crate::error::unreadable("apply", "authority"))
    }

    async fn show(&self, _query: &ShowQuery) -> PortResult<Vec<AuthorityChange>> {
        Err(crate::error::unreadable("show", "authority"))
    }

    async fn roles(&self, _roles: &[RoleName]) -> PortResult<Vec<Option<RoleRow>>> {
        Err(crate::error::unreadable("roles", "authority"))
    }

    async fn log(&self, _query: &LogQuery) -> PortResult<Vec<LogEntry>> {
        Err(crate::error::unreadable("log", "authority"))
    }
}
