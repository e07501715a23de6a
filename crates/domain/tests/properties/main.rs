//! Proves what holds of every decision, change, transition and text, whatever the case.

#![expect(
    clippy::unwrap_used,
    reason = "a property that cannot be stated has failed"
)]

use proptest::prelude::ProptestConfig;

mod authority;
mod decisions;
#[path = "../support/scenario.rs"]
mod scenario;
mod texts;
mod transitions;
mod worlds;

/// As many cases as `PROPTEST_CASES` says, 128 unless it is set.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: std::env::var_os("PROPTEST_CASES").map_or(128, |_| default.cases),
        failure_persistence: None,
        ..default
    }
}
