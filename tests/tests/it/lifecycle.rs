//! Everything that may happen to a run in a worker of this process.

mod cancel;
mod continuity;
mod explaining;
mod failures;
mod handlers;
mod leases;
mod order;
mod queue;
mod stores;
mod undecided;
