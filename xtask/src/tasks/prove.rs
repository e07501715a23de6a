//! `cargo xtask prove`: the proof that blocked runs never start, part by part.

use std::process::Command;

use clap::{Args, ValueEnum};

use crate::Error;
use crate::servers::Servers;
use crate::steps::Steps;
use crate::tools::{CARGO_MUTANTS, cargo, ensure_tool, has_nextest, nextest};

/// What to prove, and how thoroughly.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// What every change has to pass: a few minutes, and part of `cargo xtask test`
    #[arg(long)]
    pub quick: bool,
    /// Only these parts
    #[arg(value_enum, value_name = "PART")]
    pub parts: Vec<Part>,
}

/// A part of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The protocol as a model: every interleaving, and without each of its steps
    Protocol,
    /// Sequences of whatever may happen, on every store, against a small model
    Model,
    /// Many workers and revokers at once; what they saw is checked for linearizability
    Races,
    /// A call of a scripted scenario that fails, for every call there is
    Faults,
    /// The adapter in memory with one thing wrong with it, which the conformance suite has to notice
    Weakened,
    /// What comes from outside, damaged in every way: it is read or refused, and nothing starts by it
    Fuzz,
    /// The gate and the adapters weakened in their own text, which the suite has to notice
    Ablations,
    /// Every function of the domain, the ports, the gate and the SQLite adapter mutated, which the suite has to notice
    Mutants,
}

impl Part {
    const ALL: [Self; 8] = [
        Self::Protocol,
        Self::Model,
        Self::Races,
        Self::Faults,
        Self::Weakened,
        Self::Fuzz,
        Self::Ablations,
        Self::Mutants,
    ];

    /// Whether it is proved by tests, which are part of the test suite as well.
    fn is_of_tests(self) -> bool {
        !matches!(self, Self::Ablations | Self::Mutants)
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Protocol => "every interleaving of the protocol, and of it without each step",
            Self::Model => "sequences of whatever may happen, on every store",
            Self::Races => "recorded races, linearizable",
            Self::Faults => "every call of a scenario fails in turn",
            Self::Weakened => "the adapter in memory with one thing wrong",
            Self::Fuzz => "whatever comes from outside, damaged",
            Self::Ablations => "the gate and every adapter, weakened in their own text",
            Self::Mutants => {
                "every function of the domain, the ports, the gate and the SQLite adapter, mutated"
            }
        }
    }

    /// What shows it, against servers that are there.
    fn commands(self) -> Vec<Command> {
        match self {
            Self::Protocol => vec![tests_of("countersign-proof", "")],
            Self::Model => vec![tests_of("countersign-tests", "model::")],
            Self::Races => vec![tests_of("countersign-tests", "races::")],
            Self::Faults => vec![tests_of("countersign-tests", "faults::")],
            Self::Weakened => vec![tests_of("countersign-conformance", "weakened::")],
            Self::Fuzz => vec![tests_of("countersign-fuzz", "")],
            Self::Ablations => vec![ablations()],
            Self::Mutants => MUTATED.iter().map(mutants).collect(),
        }
    }

    /// How much of it there is to be, where it is not to be quick.
    fn thoroughly(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Model => &[("COUNTERSIGN_CASES", "400")],
            Self::Races => &[("COUNTERSIGN_ROUNDS", "2000")],
            Self::Faults => &[("COUNTERSIGN_EVERY", "1")],
            Self::Fuzz => &[("BOLERO_RANDOM_ITERATIONS", "200000")],
            Self::Protocol => &[("COUNTERSIGN_LARGER_WORLDS", "1")],
            Self::Weakened | Self::Ablations | Self::Mutants => &[],
        }
    }
}

/// What `cargo nextest run` calls the tests of the quick proof, which `cargo xtask test` runs for themselves.
pub const TESTS_OF_PROOF: &str = "package(countersign-proof) or package(countersign-fuzz) \
    or (package(countersign-tests) and test(/^(model|races|faults)::/)) \
    or (package(countersign-conformance) and test(/^weakened::/))";

/// Proves the parts that were asked for, against servers of its own.
///
/// # Errors
/// The first part that failed.
pub fn run(steps: &Steps, arguments: &Arguments) -> Result<(), Error> {
    let servers = steps.headed("start private servers", || Servers::start(steps))?;
    let asked_for = |part: &Part| match arguments.parts.is_empty() {
        true => !arguments.quick || part.is_of_tests(),
        false => arguments.parts.contains(part),
    };
    for part in Part::ALL.into_iter().filter(asked_for) {
        prove(steps, &servers, part, arguments.quick)?;
    }
    drop(servers);
    steps.tell("proved");
    Ok(())
}

/// The quick proof, against servers that are there.
///
/// # Errors
/// The first part that failed.
pub fn quick(steps: &Steps, servers: &Servers) -> Result<(), Error> {
    let parts = Part::ALL.into_iter().filter(|part| part.is_of_tests());
    parts
        .into_iter()
        .try_for_each(|part| prove(steps, servers, part, true))
}

fn prove(steps: &Steps, servers: &Servers, part: Part, quick: bool) -> Result<(), Error> {
    steps.tell(&format!("proof: {}", part.heading()));
    if part == Part::Mutants {
        ensure_tool(CARGO_MUTANTS, steps)?;
    }
    for mut command in part.commands() {
        command.envs(servers.environment());
        if !quick {
            command.envs(part.thoroughly().iter().copied());
            command.env("NEXTEST_PROFILE", "prove");
        }
        steps.run(&mut command)?;
    }
    Ok(())
}

/// Tests by their package and what their names begin with, with what they tell.
fn tests_of(package: &str, prefix: &str) -> Command {
    if has_nextest() {
        let mut tests = nextest();
        // Of the whole workspace, as `cargo xtask test` has built it: a package by itself is built with other features.
        let mut which = format!("package({package})");
        if !prefix.is_empty() {
            which.push_str(&format!(" and test(/^{prefix}/)"));
        }
        tests
            .args(["--workspace", "--all-features", "-E", &which])
            .args(["--success-output", "final", "--status-level", "fail"]);
        return tests;
    }
    let mut tests = cargo("test");
    tests
        .args(["--all-features", "--package", package])
        .args(["--lib", "--tests", "--"]);
    if !prefix.is_empty() {
        tests.arg(prefix);
    }
    tests.arg("--nocapture");
    tests
}

fn ablations() -> Command {
    let mut ablate = cargo("run");
    ablate.args(["--quiet", "--package", "countersign-proof"]);
    ablate.args(["--bin", "ablate", "--"]);
    ablate
}

/// Where cargo-mutants writes what it did, as `mutants.out`.
const OUTPUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target");

/// What is mutated, and which tests have to notice.
struct Mutated {
    /// As an option.
    files: [&'static str; 2],
    packages: &'static [&'static str],
    /// What the names of these tests begin with; all where there is none.
    tests: Option<&'static str>,
}

const MUTATED: &[Mutated] = &[
    Mutated {
        files: ["--package", "countersign-domain"],
        packages: &["countersign-domain"],
        tests: None,
    },
    Mutated {
        files: ["--package", "countersign-ports"],
        packages: &["countersign-ports", "countersign-conformance"],
        tests: None,
    },
    Mutated {
        files: ["--file", "crates/app/src/gate{.rs,/*.rs}"],
        packages: &["countersign-tests"],
        tests: Some("gate_order::"),
    },
    Mutated {
        files: ["--package", "countersign-sqlite"],
        packages: &["countersign-sqlite"],
        tests: None,
    },
];

fn mutants(mutated: &Mutated) -> Command {
    let mut mutants = cargo("mutants");
    mutants.args(["--all-features", "--output"]).arg(OUTPUT);
    mutants.args(mutated.files);
    for package in mutated.packages {
        mutants.args(["--test-package", package]);
    }
    // That the tests pass as it is, is for `cargo xtask test` to show.
    mutants.args(["--baseline", "skip", "--timeout", "120"]);
    // Not the doc tests: those are examples.
    match has_nextest() {
        true => mutants.args(["--test-tool", "nextest", "--", "--fail-fast"]),
        false => mutants.args(["--", "--lib", "--tests"]),
    };
    mutants.args(mutated.tests);
    mutants
}
