//! The PostgreSQL adapter, held to the conformance suite and to what only its own tests can bring about.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod conformance;
mod damage;
mod from_sql;
mod guards;
mod interleavings;
mod lost;
mod maintenance;
mod own_tables;
mod plans;
mod retention;
mod support;
