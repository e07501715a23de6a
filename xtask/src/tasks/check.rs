//! `cargo xtask check`: everything that is not a test.

use std::path::Path;

use crate::Error;
use crate::steps::Steps;
use crate::tools::{CARGO_DENY, cargo, ensure_component, ensure_tool};

/// The workspaces beside this one.
const BENCHES: [&str; 2] = ["bench", "bench/peers/headgate"];

/// Checks format, lints, documentation and dependencies.
///
/// # Errors
/// The first check that failed.
pub fn run(steps: &Steps) -> Result<(), Error> {
    ensure_component("fmt", "rustfmt", steps)?;
    ensure_component("clippy", "clippy", steps)?;
    ensure_tool(CARGO_DENY, steps)?;

    steps.run(cargo("fmt").args(["--all", "--check"]))?;
    // No more than this of `bench`: what it depends on is not compiled for every change.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for workspace in BENCHES {
        steps.run(
            cargo("fmt")
                .arg("--check")
                .current_dir(root.join(workspace)),
        )?;
    }
    steps.run(
        cargo("clippy")
            .args(["--workspace", "--all-targets", "--all-features"])
            .args(["--", "-D", "warnings"]),
    )?;
    steps.run(
        cargo("doc")
            .args(["--workspace", "--no-deps", "--all-features"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    // Without `advisories`: those change from day to day and need the network, and a check that
    // fails for a commit that has not changed says nothing about it. `cargo deny check
    // advisories` is for people, and for a scheduled job.
    steps.run(cargo("deny").args(["check", "bans", "licenses", "sources"]))
}
