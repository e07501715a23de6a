//! The fence: what ties a decision to the authority it was made from.

use std::time::Duration;

use countersign_domain::{ScopeRevision, StoreId, Timestamp};
use smallvec::SmallVec;

/// Which store a port works on. Two ports share commits when, and only when, their ids are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreIdentity {
    /// The id that the store was given when it was prepared.
    pub id: StoreId,
    /// The kind of store, such as `sqlite`; for people.
    pub kind: &'static str,
}

/// Where facts were read, and at which revision of which scopes.
///
/// Facts and revisions are of one snapshot. `begin` starts or blocks a run only while every scope
/// still has the revision named here (G2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The store that the facts came from.
    pub store: StoreId,
    /// The scopes that the facts depend on, each at its revision. Never empty.
    pub scopes: SmallVec<[ScopeRevision; 1]>,
}

/// What takes the place of the fence where runs and authority live apart and an age was agreed to by
/// name: `begin` refuses once its own clock has passed `read_at + max_age`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The run store's clock, read before authority was asked.
    pub read_at: Timestamp,
    /// How old facts may be at the start.
    pub max_age: Duration,
}
