//! Ids drawn at random: here and not in the domain, which knows neither chance nor time.

use countersign_domain::{LeaseId, MoveId, RunId, StoreId};
use uuid::Uuid;

/// A new run id, of version 7.
#[must_use]
pub fn fresh_run_id() -> RunId {
    // A fresh version 7 UUID always passes the check; the constant is never reached.
    RunId::try_from(Uuid::now_v7()).unwrap_or(RunId::EXAMPLE)
}

/// A new lease id.
#[must_use]
pub fn fresh_lease_id() -> LeaseId {
    Uuid::new_v4().into()
}

/// A new store id, for a store that is being prepared.
#[must_use]
pub fn fresh_store_id() -> StoreId {
    Uuid::new_v4().into()
}

/// A new move id.
#[must_use]
pub fn fresh_move_id() -> MoveId {
    Uuid::new_v4().into()
}
