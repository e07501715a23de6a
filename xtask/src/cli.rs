//! The command line of `cargo xtask`.

use clap::{Parser, Subcommand};

use crate::interrupts::Interrupts;
use crate::steps::Steps;
use crate::{Error, tasks};

/// Tasks of the Countersign workspace
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run every test against private PostgreSQL and Redis servers
    ///
    /// Finds PostgreSQL 14 or newer and Redis 7 or newer (or Valkey), or installs them with the
    /// system's package manager; starts throwaway servers on free loopback ports; runs all tests
    /// and doc tests; stops the servers and removes their files, whatever happened. Databases
    /// that this machine already runs are never touched.
    ///
    /// Tests find the servers in COUNTERSIGN_TEST_POSTGRES and COUNTERSIGN_TEST_REDIS.
    #[command(after_help = "Examples:\n  \
        cargo xtask test\n  \
        cargo xtask test -- -p countersign-domain\n  \
        cargo xtask test -- blocked_never_starts")]
    Test {
        /// Handed on to `cargo nextest run`, or to `cargo test` where nextest is not installed;
        /// packages named here with -p replace the whole workspace
        #[arg(last = true, value_name = "ARGS")]
        arguments: Vec<String>,
    },
    /// Prove that blocked runs never start, part by part
    ///
    /// Against private servers, as `test`. Without --quick as thoroughly as there is time for: longer sequences, more
    /// races, and a copy of the workspace that is weakened in one way after the other.
    /// docs/proof.md says what each part shows.
    #[command(after_help = "Examples:\n  \
        cargo xtask prove --quick\n  \
        cargo xtask prove ablations")]
    Prove(tasks::prove::Arguments),
    /// Kill, freeze and cut off real workers while others submit and revoke, and judge by the records
    ///
    /// Workers are killed with -9 and frozen past their lease, their server is stopped at once and started again, their
    /// connections are cut, and one of them has a clock that is an hour ahead.
    #[command(after_help = "Examples:\n  \
        cargo xtask chaos --store postgres --minutes 10")]
    Chaos(tasks::chaos::Arguments),
    /// Check everything that is not a test: format, lints, documentation, dependencies
    Check,
    /// Fix what can be fixed: apply clippy's suggestions, then format
    Fix,
    /// Start the test servers, print their URLs and keep them until Ctrl-C
    ///
    /// Prints one NAME=URL line a server on stdout. For running single tests by hand.
    Servers,
}

/// Runs the task that was asked for.
///
/// # Errors
/// The first step that failed, or the signal that ended the task.
pub fn run(arguments: Arguments) -> Result<(), Error> {
    let steps = Steps::new(Interrupts::listen()?);
    match arguments.task {
        Task::Test { arguments } => tasks::test::run(&steps, &arguments),
        Task::Prove(arguments) => tasks::prove::run(&steps, &arguments),
        Task::Chaos(arguments) => tasks::chaos::run(&steps, &arguments),
        Task::Check => tasks::check::run(&steps),
        Task::Fix => tasks::fix::run(&steps),
        Task::Servers => tasks::servers::run(&steps),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
