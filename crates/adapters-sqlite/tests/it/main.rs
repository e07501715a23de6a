//! The SQLite adapter, held to the conformance suite and to what only its own tests can bring about.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod conformance;
mod damage;
mod guards;
mod lock;
mod maintenance;
mod moving;
mod plans;
mod replace;
mod retention;
mod scene;
mod throwaway;
mod writer;
