//! Who may do what: read with its fence, and changed under the locks of subjects and scopes.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::{AttributedChange, AuthorityChange, AuthorityQuery, RoleName, RoleRow};
use countersign_ports::{
    Applied, AuthorityLookup, AuthorityStore, LogEntry, LogQuery, LookedUp, PortResult, ShowQuery,
    StoreIdentity,
};
use sqlx::PgConnection;

use crate::store::Shared;

mod apply;
mod log;
mod look_up;
mod roles;
pub(crate) mod show;

pub(crate) use log::read_log_entry;

/// The authority in a PostgreSQL schema, or in tables of the team's own that the schema's fact views read.
#[derive(Debug, Clone)]
pub struct PostgresAuthority {
    shared: Arc<Shared>,
}

impl PostgresAuthority {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Applies changes in a transaction of the caller's, which must be READ COMMITTED: they hold when, and
    /// only when, it commits. Until then no run starts in the workspaces that they touch.
    ///
    /// Behaves as [`AuthorityStore::apply`] otherwise; the transaction is made to commit durably.
    ///
    /// # Errors
    /// As [`AuthorityStore::apply`]; after one the transaction is of no more use, as after any error of
    /// PostgreSQL's. Where it is [`PortErrorKind::Busy`](countersign_ports::PortErrorKind::Busy), the
    /// whole transaction may be tried again.
    pub async fn apply_in(
        &self,
        connection: &mut PgConnection,
        changes: &[AttributedChange],
    ) -> PortResult<Applied> {
        apply::apply_in(self, connection, changes).await
    }
}

#[async_trait]
impl AuthorityLookup for PostgresAuthority {
    fn store(&self) -> &StoreIdentity {
        self.shared.identity()
    }

    async fn look_up(&self, queries: &[AuthorityQuery]) -> PortResult<Vec<LookedUp>> {
        look_up::look_up(self, queries).await
    }
}

#[async_trait]
impl AuthorityStore for PostgresAuthority {
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
