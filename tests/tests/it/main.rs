//! Countersign from the outside: in-process workers over real stores, and the real binary.
//!
//! | module | what it shows |
//! |---|---|
//! | [`scenarios`] | the three scenarios of the source, through the worker and through the command line |
//! | [`crash`] | workers killed with SIGKILL at many moments (G1, G3, G5) |
//! | [`two_workers`] | two worker processes on one file, and revocations meanwhile (G2, G3) |
//! | [`postgres`] | drains of a PostgreSQL store that loses its server, its connections, its workers (G1, G3, G5) |
//! | [`model`] | sequences of whatever may happen, held against a model, on every store (G1 to G8) |
//! | [`faults`] | a scenario each of whose calls fails in turn, in every way, on every store (G1 to G5) |
//! | [`mixes`] | the conformance suite with the queue in another store |
//! | [`races`] | many at once, and whether what they were answered can be told as one story (G2, G3) |
//! | [`redis`] | drains that lose their Redis, or all that it held (G1, G3, G5) |
//! | [`own_tables`] | the worked example of tables of a team's own, to the letter (G2) |
//! | [`signals`] | the first signal drains, the second stops now |
//! | [`lifecycle`] | everything that may happen to a run in a worker (G3 to G7) |
//! | [`gate_order`] | the gate's calls and their order |
//! | [`migrate_store`] | moving house: the round trip, interrupted anywhere, by two at once, from the command line (G2, G3, G5) |
//! | [`cli`] | what the commands say, refuse, and leave unchanged |

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, whatever else came than was expected"
)]

mod cli;
mod crash;
mod drain;
mod faults;
mod gate_order;
mod lifecycle;
mod migrate_store;
mod mixes;
mod model;
mod own_tables;
mod postgres;
mod races;
mod redis;
mod scenarios;
mod signals;
mod support;
mod two_workers;
