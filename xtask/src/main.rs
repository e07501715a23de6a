//! `cargo xtask`: the project's tasks.
#![expect(clippy::print_stderr, reason = "a failed task says why to a person")]

use std::process::ExitCode;

use clap::Parser;
use xtask::cli::Arguments;

fn main() -> ExitCode {
    match xtask::cli::run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {}", error.with_sources());
            ExitCode::from(error.exit_code())
        }
    }
}
