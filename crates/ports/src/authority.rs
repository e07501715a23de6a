//! The ports to authority: reading it with a fence, and changing it.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::{
    ActorName, AttributedChange, AuthorityChange, AuthorityFacts, AuthorityQuery, AuthorityRows,
    RoleName, RoleRow, ScopeRevision, TenantId, Timestamp, UserId, WorkspaceId, resolve,
};

use crate::{Fence, PortResult, StoreIdentity};

/// The answer to one [`AuthorityQuery`]: rows of one snapshot, what holds of them, and the fence.
#[derive(Debug, Clone)]
pub struct Authority {
    query: AuthorityQuery,
    rows: Arc<AuthorityRows>,
    facts: Arc<AuthorityFacts>,
    fence: Fence,
}

impl Authority {
    /// Resolves the rows of one snapshot, read at `as_of` by the store's clock.
    #[must_use]
    pub fn resolved(
        query: AuthorityQuery,
        rows: AuthorityRows,
        as_of: Timestamp,
        fence: Fence,
    ) -> Self {
        let facts = Arc::new(resolve(&query, &rows, as_of));
        Self {
            query,
            rows: Arc::new(rows),
            facts,
            fence,
        }
    }

    /// The question that was answered.
    #[must_use]
    pub fn query(&self) -> &AuthorityQuery {
        &self.query
    }

    /// The rows as the store holds them.
    #[must_use]
    pub fn rows(&self) -> &AuthorityRows {
        &self.rows
    }

    /// What holds.
    #[must_use]
    pub fn facts(&self) -> &AuthorityFacts {
        &self.facts
    }

    /// What `begin` has to compare.
    #[must_use]
    pub fn fence(&self) -> &Fence {
        &self.fence
    }
}

/// Why authority could not be told (G6).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UndecidedCause {
    /// The store lacks the marker of a prepared store.
    #[error("the authority store bears no schema marker")]
    MarkerMissing,
    /// The scope's record cannot be read.
    #[error("the scope record of workspace `{workspace}` is malformed")]
    ScopeMalformed {
        /// The scope.
        workspace: WorkspaceId,
    },
    /// The scope has no record yet, and whoever makes one has not committed.
    #[error("the first change to workspace `{workspace}` is still under way")]
    ScopeUnderWay {
        /// The scope.
        workspace: WorkspaceId,
    },
    /// A fact cannot be read.
    #[error("a fact cannot be read: {problem}")]
    FactMalformed {
        /// Which, and what is wrong with it.
        problem: String,
    },
}

/// What one query came to.
#[derive(Debug, Clone)]
#[must_use]
pub enum LookedUp {
    /// The facts and their fence.
    Found(Authority),
    /// Nothing that may be judged: the run stays queued, neither started nor blocked (G6).
    Undecided(UndecidedCause),
}

/// Reads who may do what.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AuthorityLookup: Send + Sync {
    /// The store that the facts come from.
    fn store(&self) -> &StoreIdentity;

    /// Answers each query with its facts and the fence that `begin` compares.
    ///
    /// # Guarantees
    /// * The facts of one answer, its revisions and its `as_of` are of **one snapshot**, read from the
    ///   primary. Answers of one call may come from different snapshots.
    /// * `as_of` is the store's own clock.
    /// * The first look-up that misses a scope's record makes it; it is never deleted. Within an
    ///   intact scope an absent row means that the fact is absent. A missing marker or a malformed
    ///   record is [`LookedUp::Undecided`], never a verdict.
    /// * Answers may be shared by equal queries and may be kept: a kept answer stays sound because
    ///   `begin` compares its fence.
    ///
    /// # Errors
    /// An error says that nothing at all could be read; every run concerned stays queued (G6).
    async fn look_up(&self, queries: &[AuthorityQuery]) -> PortResult<Vec<LookedUp>>;
}

/// What a batch of changes did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// How many changes were applied: all of them.
    pub changes: u64,
    /// Every scope whose revision was replaced, at its new revision, by id, each once.
    pub raised: Vec<ScopeRevision>,
}

/// Which authority to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowQuery {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Only what concerns this tenant.
    pub tenant_id: Option<TenantId>,
    /// Only what concerns this user.
    pub user_id: Option<UserId>,
}

/// Which part of the authority log to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// Only changes that touched this scope; none for all.
    pub workspace_id: Option<WorkspaceId>,
    /// Only entries before this one; none starts at the newest.
    pub before: Option<u64>,
    /// At most this many, newest first.
    pub limit: u32,
}

/// One change as it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place in the log, from 1; later entries have higher numbers, numbers may be missing.
    pub seq: u64,
    /// When it was applied, by the store's clock.
    pub at: Timestamp,
    /// Who made it.
    pub by: Option<ActorName>,
    /// The change.
    pub change: AuthorityChange,
    /// The scopes whose revision it replaced.
    pub raised: Vec<ScopeRevision>,
}

/// Changes who may do what. For adapters that own the facts.
#[async_trait]
pub trait AuthorityStore: AuthorityLookup {
    /// Applies the changes in order: all of them, or none.
    ///
    /// # Guarantees
    /// * Every change replaces the revision (counter and nonce) of every scope it touches, in its own
    ///   commit and under the scope's lock: the workspaces it names; for a user those in which they
    ///   have grants; for a role those with grants of it; for a tenant its old and new workspace; for
    ///   a connection those of its old and new tenant.
    /// * Once this returns, no decision made from facts before the change can start or block a run
    ///   (G2).
    /// * Subjects (role, user, tenant, connection; in that order, then by id) are locked before the
    ///   dependent scopes are looked for, and scopes are raised in id order.
    /// * Each change is appended to the log, with who made it and the revisions it made, in the same
    ///   commit.
    ///
    /// # Idempotency
    /// Applying a change again leaves the same facts; it raises revisions and is logged all the same.
    ///
    /// # Errors
    /// Nothing was changed, but for [`RetryClass::ReadBack`](crate::RetryClass): then all or nothing
    /// was, and applying again is safe.
    async fn apply(&self, changes: &[AttributedChange]) -> PortResult<Applied>;

    /// The facts of a workspace, told as the changes that would make them; applied to an empty store
    /// in this order they make the same facts. Roles first, then workspace, tenants, users, grants,
    /// connections, gates, prerequisites, each by id.
    async fn show(&self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>>;

    /// The definitions of roles, in input order; none for a role without one.
    async fn roles(&self, roles: &[RoleName]) -> PortResult<Vec<Option<RoleRow>>>;

    /// A page of the authority log, newest first.
    async fn log(&self, query: &LogQuery) -> PortResult<Vec<LogEntry>>;
}

#[cfg(feature = "mock")]
mockall::mock! {
    /// A mock of [`AuthorityStore`], and so of [`AuthorityLookup`].
    pub AuthorityStore {}

    #[async_trait]
    impl AuthorityLookup for AuthorityStore {
        fn store(&self) -> &StoreIdentity;
        async fn look_up(&self, queries: &[AuthorityQuery]) -> PortResult<Vec<LookedUp>>;
    }

    #[async_trait]
    impl AuthorityStore for AuthorityStore {
        async fn apply(&self, changes: &[AttributedChange]) -> PortResult<Applied>;
        async fn show(&self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>>;
        async fn roles(&self, roles: &[RoleName]) -> PortResult<Vec<Option<RoleRow>>>;
        async fn log(&self, query: &LogQuery) -> PortResult<Vec<LogEntry>>;
    }
}
