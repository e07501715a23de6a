//! The Redis adapter, held to the conformance suite and to what only its own tests can bring about.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod authority;
mod cluster;
mod conformance;
mod dump;
mod maintenance;
mod queue;
mod retention;
mod runs;
mod support;
mod way;
