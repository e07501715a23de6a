//! The PostgreSQL adapter, held to the conformance suite and to what only its own tests can bring about.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod conformance;
mod from_sql;
mod maintenance;
mod own_tables;
mod plans;
mod support;
