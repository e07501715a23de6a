//! Kills, freezes and cuts off real workers, and tells what came of it: `cargo xtask chaos`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its report is for people"
)]

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use countersign_proof::chaos::{Kind, Plan, carry_out};

/// Kill, freeze and cut off real workers while others submit and revoke, and judge by the records
#[derive(Debug, Parser)]
struct Arguments {
    /// On which store
    #[arg(long, value_enum, default_value = "sqlite")]
    store: Kind,
    /// For how long
    #[arg(long, value_name = "M", default_value_t = 1.0)]
    minutes: f64,
    /// Of the dice
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let plan = Plan {
        kind: arguments.store,
        lasts: Duration::from_secs_f64(arguments.minutes.clamp(0.1, 1440.0) * 60.0),
        seed: arguments.seed.unwrap_or_else(|| fastrand::u64(..)),
    };
    println!("{:?} for {:?}, seed {}", plan.kind, plan.lasts, plan.seed);
    match carry_out(&plan) {
        Ok(report) => {
            println!("{report}");
            match report.violations.is_empty() && report.started > 0 && report.blocked > 0 {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
