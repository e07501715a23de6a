//! Running the tests that are to notice.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::Watch;

/// Runs of tests in one workspace, into one target directory.
#[derive(Debug)]
pub struct Tries<'a> {
    /// The workspace.
    pub workspace: &'a Path,
    /// Where it is built; none for where it always is.
    pub target: Option<&'a Path>,
}

/// What one run of the tests came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// So many tests passed, and none failed.
    Passed(usize),
    /// These failed.
    Failed(Vec<String>),
}

impl Tries<'_> {
    /// Builds the tests.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn build(&self, watch: &Watch) -> Result<(), String> {
        let mut command = self.command(watch);
        let output = output(command.arg("--no-run"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!(
                "it does not build:\n{}",
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }

    /// Runs the tests once.
    ///
    /// # Errors
    /// They could not be run, or there are none of these names.
    pub fn once(&self, watch: &Watch) -> Result<Tried, String> {
        let mut command = self.command(watch);
        command.arg("--no-fail-fast").arg("--").args(watch.tests);
        let output = output(&mut command)?;
        let told = String::from_utf8_lossy(&output.stdout);
        let of = |end: &str| {
            told.lines()
                .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(end))
                .map(|name| name.trim_end_matches(" - should panic").to_owned())
                .collect::<Vec<String>>()
        };
        let (passed, failed) = (of(" ... ok"), of(" ... FAILED"));
        match (output.status.success(), failed.is_empty()) {
            (_, false) => Ok(Tried::Failed(failed)),
            (true, true) if !passed.is_empty() => Ok(Tried::Passed(passed.len())),
            (true, true) => Err(format!("no test is named by {:?}", watch.tests)),
            // A test that aborts takes the others with it.
            (false, true) => Ok(Tried::Failed(vec![format!(
                "the tests ended with {}",
                output.status
            )])),
        }
    }

    fn command(&self, watch: &Watch) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(self.workspace).args([
            "test",
            "--all-features",
            "--package",
            watch.package,
        ]);
        match watch.binary {
            Some(binary) => command.args(["--test", binary]),
            None => command.args(["--lib", "--tests"]),
        };
        if let Some(target) = self.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        command
    }
}

fn output(command: &mut Command) -> Result<Output, String> {
    command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cargo: {error}"))
}
