//! The programs of the peers, built, and the versions of what they measure.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use xtask::Error;
use xtask::steps::Steps;
use xtask::tools::cargo;

use crate::peers::{Peer, Program};

/// What can be started, by the names of packages.
#[derive(Debug)]
pub(crate) struct Programs {
    rust: HashMap<String, PathBuf>,
    node: Result<(), String>,
}

impl Programs {
    /// Builds everything that can be built; a peer that cannot be keeps none of the others from being measured.
    pub(crate) fn build(peers: &[&Peer], steps: &Steps) -> Result<Self, Error> {
        let mut rust = HashMap::new();
        for workspace in [home(), home().join("peers/headgate")] {
            rust.extend(executables(&workspace, steps)?);
        }
        let is_needed = |peer: &&Peer| matches!(peer.program, Program::Node { .. });
        let node = match peers.iter().any(is_needed) {
            true => install(&home().join("peers/node"), steps)?,
            false => Ok(()),
        };
        Ok(Self { rust, node })
    }

    /// A command that starts this peer, or why there is none.
    pub(crate) fn command(&self, peer: &Peer) -> Result<Command, String> {
        match peer.program {
            Program::Rust { package, .. } => match self.rust.get(package) {
                Some(program) => Ok(Command::new(program)),
                None => Err("it could not be built".to_owned()),
            },
            Program::Node { file, .. } => {
                self.node.clone()?;
                let mut command = Command::new("node");
                command.arg(home().join("peers/node").join(file));
                command.env("NODE_ENV", "production");
                Ok(command)
            }
        }
    }
}

/// The version of what a peer measures, as its lock file has it.
pub(crate) fn version(peer: &Peer) -> Option<String> {
    match peer.program {
        Program::Rust { measures, .. } => [home(), home().join("peers/headgate")]
            .iter()
            .find_map(|workspace| locked(&workspace.join("Cargo.lock"), measures)),
        Program::Node { measures, .. } => {
            let lock = fs::read(home().join("peers/node/package-lock.json")).ok()?;
            let lock: Value = serde_json::from_slice(&lock).ok()?;
            let package = lock
                .get("packages")?
                .get(format!("node_modules/{measures}"))?;
            Some(package.get("version")?.as_str()?.to_owned())
        }
    }
}

fn locked(lock: &Path, name: &str) -> Option<String> {
    let lock = fs::read_to_string(lock).ok()?;
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// The directory `bench`.
fn home() -> PathBuf {
    let runner = Path::new(env!("CARGO_MANIFEST_DIR"));
    runner.parent().unwrap_or(runner).to_owned()
}

/// Builds a workspace as far as that goes.
fn executables(workspace: &Path, steps: &Steps) -> Result<HashMap<String, PathBuf>, Error> {
    let messages = tempfile::NamedTempFile::new().map_err(unwritable)?;
    let mut build = cargo("build");
    build
        .args(["--release", "--workspace", "--bins", "--keep-going"])
        .args(["--locked", "--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(workspace.join("Cargo.toml"))
        .stdout(messages.reopen().map_err(unwritable)?);
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        build.env("CARGO_TARGET_DIR", home().join("target"));
    }
    // What `cargo run` tells this program about itself would have build scripts run again that look at it.
    for (name, _) in std::env::vars_os() {
        let is_ours =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_ours) {
            build.env_remove(name);
        }
    }
    match steps.run(&mut build) {
        // Cargo said what failed, and the peer's row will say that it did.
        Ok(()) | Err(Error::StepFailed { .. }) => {}
        Err(error) => return Err(error),
    }
    let messages = fs::read_to_string(messages.path()).map_err(unwritable)?;
    Ok(messages.lines().filter_map(executable).collect())
}

fn executable(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let name = message.get("target")?.get("name")?.as_str()?;
    let program = message.get("executable")?.as_str()?;
    Some((name.to_owned(), program.into()))
}

/// Installs what `package-lock.json` says, unless that was done.
fn install(directory: &Path, steps: &Steps) -> Result<Result<(), String>, Error> {
    let changed = |file: &str| fs::metadata(directory.join(file)).and_then(|file| file.modified());
    let installed = changed("node_modules/.package-lock.json");
    let wanted = changed("package-lock.json");
    if matches!((installed, wanted), (Ok(installed), Ok(wanted)) if installed >= wanted) {
        return Ok(Ok(()));
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    match steps.run(npm.current_dir(directory).stdout(Stdio::null())) {
        Ok(()) => Ok(Ok(())),
        Err(error @ (Error::StepFailed { .. } | Error::Run { .. })) => {
            Ok(Err(format!("npm: {}", error.with_sources())))
        }
        Err(error) => Err(error),
    }
}

/// A file for what a program prints.
pub(crate) fn output() -> Result<(tempfile::NamedTempFile, File), Error> {
    let file = tempfile::NamedTempFile::new().map_err(unwritable)?;
    let writer = file.reopen().map_err(unwritable)?;
    Ok((file, writer))
}

fn unwritable(source: std::io::Error) -> Error {
    Error::System {
        action: "keep what a program prints",
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::PEERS;

    #[test]
    fn every_peer_has_a_version_in_a_lock_file() {
        for peer in PEERS {
            assert!(version(peer).is_some(), "{}", peer.name);
        }
    }
}
