//! Moving house: the source is sealed, the target filled, and no run can start in both.

pub(super) mod filling;
pub(super) mod moved;
pub(super) mod sealed;
