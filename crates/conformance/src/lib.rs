//! The suite that every Countersign adapter runs, ours or yours: each case its own named test.
//!
//! # Running it on your adapter
//!
//! Make it a dev-dependency, implement [`Harness`] (a fresh, empty, prepared store of its own for every
//! case, thrown away afterwards), and write one line in a file under `tests/`:
//!
//! ```
//! countersign_conformance::suite!(|| async { MyHarness::new().await });
//! ```
//!
//! That is a module `conformance` with a `#[test]` for every case in [`cases`](mod@cases), grouped by
//! theme: `conformance::fence::a_revoked_grant_between_decision_and_start_moves_the_authority`. Each runs
//! on a multi-thread runtime of its own; a case that panics or hangs still has its store thrown away. No
//! case can be left out. A server that is not there is a panic in your harness, not a skipped test.
//!
//! The worked example is an adapter in memory, under `examples/custom-adapter` in this crate's repository;
//! `docs/writing-an-adapter.md` leads through it.
//!
//! A store that can be moved out of, and into ([`StoreMove`](countersign_ports::StoreMove)), says so by
//! [`Ports::with_home`], and by a second line: [`moving_suite!`].
//!
//! # What it asks of a store
//!
//! * **Runs and authority in one store.** What lives apart cannot be fenced (G2): for such ports there is
//!   [`Ports::apart`] and `suite!(apart mod …)`, without the cases about the fence. The queue may live
//!   anywhere: where [`RunRepository::queue_upkeep`] says that the caller keeps it, the cases push and
//!   ack, so that the same suite runs for a mix of stores.
//! * **Its own clock**, read through [`RunRepository::clock`]. Cases wait for that clock, never for a
//!   fixed time; none asks for it to be changed.
//! * **Patience.** Cases call again where an error's retry class is `later`, as callers do, for half a
//!   minute at most.
//!
//! # What it cannot tell
//!
//! Through the ports alone, some outcomes cannot be brought about in every store. Test these for
//! yourself; [`scene`] has the world and the steps:
//!
//! * [`Begun::AuthorityBusy`] and [`Begun::CancelRequested`]: cases accept them where they may come, and
//!   ask for them nowhere.
//! * [`LookedUp::Undecided`] (G6): needs a store that was damaged.
//! * An error of a port, and that nothing was changed by it; an unknown commit. Cases hang up on `begin`
//!   at every point they can reach and read back, which finds committed starts only where `begin`
//!   waits for its commit.
//! * What a crash leaves behind (G5).
//!
//! # Proving the suite
//!
//! In this crate's repository, `tests/weakened` holds the suite against adapters that were weakened on
//! purpose, each in one respect, and demands that the cases named for it fail. To do the same with yours,
//! walk [`cases()`](cases()) and [`Case::run`] each.
//!
//! [`Begun::AuthorityBusy`]: countersign_ports::Begun::AuthorityBusy
//! [`Begun::CancelRequested`]: countersign_ports::Begun::CancelRequested
//! [`LookedUp::Undecided`]: countersign_ports::LookedUp::Undecided
//! [`RunRepository::clock`]: countersign_ports::RunRepository::clock
//! [`RunRepository::queue_upkeep`]: countersign_ports::RunRepository::queue_upkeep
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a suite fails by panicking, whatever else came than was expected"
)]

pub mod cases;
pub mod change;
mod dice;
mod harness;
mod moving;
mod odd_ids;
mod oracle;
mod runner;
pub mod scene;
mod suite;

pub use harness::{Harness, Ports};
pub use moving::MoveCase;
#[doc(hidden)]
pub use moving::run_move_test;
pub use runner::{Case, CaseFailure};
#[doc(hidden)]
pub use runner::{CaseFuture, run_test};

/// Every case, by theme.
#[must_use]
pub fn cases() -> &'static [Case] {
    cases::ALL
}

/// Every case about moving house, by theme.
#[must_use]
pub fn move_cases() -> &'static [MoveCase] {
    cases::ALL_MOVES
}
