//! Measures Countersign and its peers in turns: `cargo run --release --manifest-path bench/Cargo.toml -- --help`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark tells a person what it found"
)]

use std::process::ExitCode;

use clap::Parser;

mod arguments;
mod json;
mod measure;
mod peers;
mod programs;
mod rows;
mod servers;
mod table;

use arguments::Arguments;
use measure::Measured;
use programs::Programs;
use rows::Rows;
use servers::ServerPrograms;
use xtask::Error;
use xtask::interrupts::Interrupts;
use xtask::steps::Steps;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {}", error.with_sources());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    let steps = Steps::new(Interrupts::listen()?);
    let peers = arguments.chosen();
    let servers = ServerPrograms::find(&peers, &steps)?;
    let programs = Programs::build(&peers, &steps)?;
    let mut rows = Rows::new(&peers, &arguments.figures);
    for round in 0..arguments.rounds {
        eprintln!("==> round {} of {}", round + 1, arguments.rounds);
        // Another one is the first every time: nobody always comes after the same neighbour's writes.
        for turn in 0..peers.len() {
            let Some(peer) = peers.get((turn + round) % peers.len()) else {
                continue;
            };
            for figure in &arguments.figures {
                let jobs = arguments.jobs_of(peer, *figure);
                let measured = measure::measure(peer, *figure, jobs, &programs, &servers, &steps)?;
                eprintln!("    {} {figure}: {}", peer.name, said(&measured));
                rows.add(peer, *figure, measured);
            }
        }
        if let Some(file) = &arguments.json {
            json::write(file, &rows, &servers)?;
        }
    }
    println!("{}", table::of(&rows));
    Ok(())
}

fn said(measured: &Measured) -> String {
    match measured {
        Measured::Answered(answer) => answer.to_string(),
        Measured::Failed(why) => format!("failed: {why}"),
    }
}
