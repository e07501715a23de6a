//! `cargo xtask test`: every test, against private servers.

use std::process::Command;

use crate::Error;
use crate::servers::Servers;
use crate::steps::Steps;
use crate::tasks::prove;
use crate::tools::{cargo, has_nextest, nextest};

/// Packages whose tests run the `countersign` binary, which cargo builds for none but its own.
const RUN_THE_BINARY: &[&str] = &["countersign", "countersign-tests"];

/// Starts the servers, builds and runs all tests and doc tests, stops the servers.
///
/// # Errors
/// The first step that failed.
pub fn run(steps: &Steps, arguments: &[String]) -> Result<(), Error> {
    let servers = steps.headed("start private servers", || Servers::start(steps))?;
    let environment = servers.environment();
    let selected = selected_packages(arguments);
    let step = |command: &mut Command| steps.run(command.envs(environment.clone()));

    if selected.is_empty() {
        step(cargo("build").args(["--workspace", "--all-features", "--bins"]))?;
    } else if selected.iter().any(|name| RUN_THE_BINARY.contains(name)) {
        let build = ["--package", "countersign", "--all-features", "--bins"];
        step(cargo("build").args(build))?;
    }

    let mut tests = if has_nextest() {
        nextest()
    } else {
        // Not `--all-targets`: it runs benchmarks too, and those take their time.
        let mut tests = cargo("test");
        tests.args(["--lib", "--bins", "--tests", "--examples"]);
        tests
    };
    if selected.is_empty() {
        tests.arg("--workspace");
    }
    let is_whole = arguments.is_empty();
    if is_whole && has_nextest() {
        // Those of the proof come by themselves, with what they tell.
        tests.args(["-E", &format!("not ({})", prove::TESTS_OF_PROOF)]);
    }
    step(tests.arg("--all-features").args(arguments))?;
    if is_whole && has_nextest() {
        prove::quick(steps, &servers)?;
    }

    let mut doc_tests = cargo("test");
    doc_tests.args(["--doc", "--all-features"]);
    if selected.is_empty() {
        doc_tests.arg("--workspace");
    }
    for name in selected {
        doc_tests.args(["--package", name]);
    }
    step(&mut doc_tests)?;

    drop(servers);
    steps.tell("all tests passed");
    Ok(())
}

/// The packages that cargo's `-p` and `--package` name among these arguments.
fn selected_packages(arguments: &[String]) -> Vec<&str> {
    let mut selected = Vec::new();
    // What follows `--` is for the test programs.
    let mut words = arguments
        .iter()
        .map(String::as_str)
        .take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == "-p" || word == "--package" {
            selected.extend(words.next());
        } else if let Some(name) = word.strip_prefix("--package=") {
            selected.push(name);
        } else if let Some(name) = word.strip_prefix("-p") {
            selected.push(name.trim_start_matches('='));
        }
    }
    selected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(line: &str) -> String {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        selected_packages(&arguments).join(",")
    }

    #[test]
    fn packages_are_recognised_however_they_are_written() {
        assert_eq!(
            selected("-p a --package b --package=c -pd -p=e"),
            "a,b,c,d,e"
        );
    }

    #[test]
    fn nothing_else_is_taken_for_a_package() {
        assert_eq!(selected("--no-fail-fast some_test --profile ci"), "");
        assert_eq!(selected("some_test -- -p x"), "");
    }
}
