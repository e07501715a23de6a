//! The proof that blocked runs never start.
//!
//! [`protocol`] is a model of the fence and of a run's lifecycle, small enough for every interleaving to be visited.
//! Its tests hold G1 to G6 against all of them, and take one step of the protocol away at a time: each must be missed.
#![expect(
    clippy::indexing_slicing,
    reason = "the numbers of workers, runs and scopes are the model's own"
)]

pub mod ablations;
pub mod chaos;
pub mod protocol;
