//! The command line: what its words mean, and what becomes of failures.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

mod args;
mod authority;
mod bench;
mod demo;
mod failure;
mod lines;
mod migrate_store;
mod operate;
mod output;
mod prune;
mod runs;
mod signals;
mod stores;
mod submit;
mod work;

use args::{Cli, Command};
use failure::Failure;
use output::Output;

/// Runs the command line and answers with the exit code of the contract.
pub(crate) fn main() -> ExitCode {
    // Asked for before the words are understood, so that misunderstandings are told as JSON too.
    let json = std::env::args_os()
        .skip(1)
        .take_while(|word| word != "--")
        .any(|word| word == "--json");
    match Cli::try_parse() {
        Ok(cli) => {
            let output = Output::new(cli.globals.json);
            match run(cli, output) {
                Ok(code) => code,
                Err(failure) => failure.report(output.is_json()),
            }
        }
        Err(error) if error.use_stderr() && json => Failure::usage_of(&error).report(true),
        Err(error) => {
            let code = if error.use_stderr() {
                ExitCode::from(2)
            } else {
                ExitCode::SUCCESS
            };
            // Where even this cannot be printed there is nobody to tell.
            let _printed = error.print();
            code
        }
    }
}

fn run(cli: Cli, output: Output) -> Result<ExitCode, Failure> {
    start_log();
    let runtime = countersign::runtime().map_err(|error| {
        Failure::failed("runtime", "the runtime cannot be started").caused_by(&error)
    })?;
    runtime.block_on(dispatch(cli, output))
}

/// `COUNTERSIGN_LOG` sets what is told on stderr, in the syntax of `tracing`; warnings unless told.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("COUNTERSIGN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // A log that cannot be written must not take a worker with it.
        .log_internal_errors(false)
        .init();
}

async fn dispatch(cli: Cli, output: Output) -> Result<ExitCode, Failure> {
    let globals = &cli.globals;
    match cli.command {
        Command::Demo(demo) => demo::run(&demo, output).await,
        Command::Migrate(migrate) => operate::migrate(globals, &migrate, output).await,
        Command::MigrateStore(moving) => migrate_store::run(globals, &moving, output).await,
        Command::Doctor => operate::doctor(globals, output).await,
        Command::Authority(command) => authority::run(globals, command, output).await,
        Command::Submit(submit) => submit::run(globals, *submit, output).await,
        Command::Worker(worker) => work::run(globals, &worker, output).await,
        Command::Runs(command) => runs::run(globals, command, output).await,
        Command::Bench(bench) => bench::run(globals, &bench, output).await,
        Command::Prune(prune) => prune::run(globals, &prune, output).await,
        Command::Simulate(simulate) => operate::simulate(globals, &simulate, output).await,
    }
}
