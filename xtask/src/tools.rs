//! Cargo, and the cargo tools that the tasks use.

use std::process::{Command, Stdio};

use crate::Error;
use crate::programs;
use crate::steps::Steps;
use crate::version::Version;

/// A cargo tool that may have to be installed.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// What cargo calls it.
    subcommand: &'static str,
    /// The oldest that will do.
    version: Version,
}

/// Checks dependencies; the oldest that reads our `deny.toml`.
pub const CARGO_DENY: Tool = Tool {
    subcommand: "deny",
    version: Version {
        major: 0,
        minor: 20,
    },
};

/// Mutates functions; the oldest that reads our `mutants.toml`.
pub const CARGO_MUTANTS: Tool = Tool {
    subcommand: "mutants",
    version: Version {
        major: 27,
        minor: 1,
    },
};

/// A cargo subcommand, under the toolchain that this task was started with.
#[must_use]
pub fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand);
    command
}

/// `cargo nextest run`. Most tests wait, for a lease to lapse or for a server: more of them run at a time than there are
/// processors.
#[must_use]
pub fn nextest() -> Command {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    let mut command = cargo("nextest");
    command.arg("run");
    // As an option would, and gives way to one.
    command.env("NEXTEST_TEST_THREADS", (2 * processors).to_string());
    command
}

/// Whether `cargo nextest` can be used.
#[must_use]
pub fn has_nextest() -> bool {
    works(cargo("nextest").arg("--version"))
}

/// Installs a tool unless one is here that is new enough.
///
/// # Errors
/// It could not be installed.
pub fn ensure_tool(tool: Tool, steps: &Steps) -> Result<(), Error> {
    let name = format!("cargo-{}", tool.subcommand);
    let asked = Version::printed_by(cargo(tool.subcommand).arg("--version"), &format!("{name} "));
    if asked >= Some(tool.version) {
        return Ok(());
    }
    let version = format!("^{}", tool.version);
    // `--force`: an old one that cargo did not install itself would be in the way. `--debug`: what it does
    // itself takes seconds, and it would be optimised for minutes.
    steps.run(
        cargo("install")
            .args(["--locked", "--force", "--debug", &name])
            .args(["--version", &version]),
    )
}

/// Adds a component of the toolchain where a minimal one came without it.
///
/// # Errors
/// It could not be added. Without rustup nothing is tried: cargo then says what is missing.
pub fn ensure_component(subcommand: &str, component: &str, steps: &Steps) -> Result<(), Error> {
    if works(cargo(subcommand).arg("--version")) || !programs::on_path("rustup") {
        return Ok(());
    }
    steps.run(Command::new("rustup").args(["component", "add", component]))
}

fn works(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
