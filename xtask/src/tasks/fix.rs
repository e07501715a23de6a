//! `cargo xtask fix`: fixes what can be fixed.

use crate::Error;
use crate::steps::Steps;
use crate::tools::{cargo, ensure_component};

/// Applies clippy's suggestions, then formats.
///
/// # Errors
/// The first step that failed.
pub fn run(steps: &Steps) -> Result<(), Error> {
    ensure_component("fmt", "rustfmt", steps)?;
    ensure_component("clippy", "clippy", steps)?;
    steps.run(
        cargo("clippy")
            .args(["--fix", "--allow-dirty", "--allow-staged"])
            .args(["--workspace", "--all-targets", "--all-features"]),
    )?;
    // Last: suggestions are not formatted.
    steps.run(cargo("fmt").arg("--all"))
}
