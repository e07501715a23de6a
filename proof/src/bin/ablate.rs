//! Weakens a copy of the workspace in one way after the other, and has the suite look at each: `cargo xtask prove`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its report is for people"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use countersign_proof::ablations::tree::Tree;
use countersign_proof::ablations::tries::{Tried, Tries};
use countersign_proof::ablations::{Ablation, Watch};

/// Weaken a copy of the workspace in one way after the other; the suite has to notice each time
#[derive(Debug, Parser)]
struct Arguments {
    /// Only those whose layer or name has this in it
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// How often the tests are run on each before it is said that they do not notice
    #[arg(long, value_name = "N", default_value_t = 10)]
    tries: usize,
    /// How many times as often the same tests are run on the code as it is
    #[arg(long, value_name = "N", default_value_t = 20)]
    times: usize,
    /// Tell what there is, and try nothing
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every one was noticed, and the code as it is stood.
fn run(arguments: &Arguments) -> Result<bool, String> {
    let is_asked_for = |(layer, one): &(&str, &Ablation)| {
        let only = arguments.only.as_deref().unwrap_or_default();
        layer.contains(only) || one.name.contains(only)
    };
    let asked_for: Vec<(&str, &Ablation)> = Ablation::all().filter(is_asked_for).collect();
    if arguments.list {
        for (layer, one) in &asked_for {
            println!("{layer}: {} ({})", one.name, one.guarantee);
        }
        return Ok(true);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let scratch = target(&root).join("ablations");
    let tree = Tree::of(&root, &scratch.join("workspace"))?;
    let build = scratch.join("build");
    let weakened = Tries {
        workspace: tree.path(),
        target: Some(&build),
    };
    let mut missed = 0_usize;
    let mut most: BTreeMap<Watch, usize> = BTreeMap::new();
    for (layer, one) in &asked_for {
        tree.weaken(one)?;
        let noticed = notice(&weakened, &one.watch, arguments.tries);
        tree.mend(one)?;
        let told = match noticed.map_err(|error| format!("{layer}, {}: {error}", one.name))? {
            Some((tries, failed)) => {
                let most = most.entry(one.watch).or_default();
                *most = tries.max(*most);
                let first = failed.first().map_or("", String::as_str);
                let others = failed.len().saturating_sub(1);
                format!("noticed in try {tries} by {first} and {others} more")
            }
            None => {
                missed += 1;
                format!("NOT NOTICED in {} tries", arguments.tries)
            }
        };
        println!("{layer} | {} | {} | {told}", one.guarantee, one.name);
    }
    println!("{} ablations, {missed} not noticed", asked_for.len());
    let whole = Tries {
        workspace: &root,
        target: None,
    };
    let mut failures = 0_usize;
    for (watch, tries) in most {
        let times = tries * arguments.times;
        let fell = stand(&whole, &watch, times)?;
        failures += fell;
        println!(
            "as it is | {} {:?} | {times} times, {fell} failed",
            watch.package, watch.tests
        );
    }
    Ok(missed == 0 && failures == 0)
}

/// In which try the tests noticed, and which.
fn notice(
    tries: &Tries<'_>,
    watch: &Watch,
    most: usize,
) -> Result<Option<(usize, Vec<String>)>, String> {
    tries.build(watch)?;
    for number in 1..=most {
        if let Tried::Failed(failed) = tries.once(watch)? {
            return Ok(Some((number, failed)));
        }
    }
    Ok(None)
}

/// How often the tests failed on the code as it is.
fn stand(tries: &Tries<'_>, watch: &Watch, times: usize) -> Result<usize, String> {
    if times == 0 {
        return Ok(0);
    }
    tries.build(watch)?;
    let mut fell = 0;
    for _ in 0..times {
        if let Tried::Failed(failed) = tries.once(watch)? {
            eprintln!("{}: {}", watch.package, failed.join(", "));
            fell += 1;
        }
    }
    Ok(fell)
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}
