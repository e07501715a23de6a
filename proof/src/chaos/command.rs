//! The command line, used as an operator uses it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::Broken;

/// How often a command is tried that a store in trouble has refused.
const TRIES: u32 = 600;

/// The wait in between.
const WAIT: Duration = Duration::from_millis(200);

/// Runs a command until it succeeds: everything here may be asked for twice.
pub(super) fn persistently(
    binary: &Path,
    directory: &Path,
    words: &[&str],
    input: &str,
) -> Result<Vec<Value>, Broken> {
    let mut last = String::new();
    for _ in 0..TRIES {
        match once(binary, directory, words, input)? {
            Ok(told) => return Ok(told),
            Err(error) => last = error,
        }
        std::thread::sleep(WAIT);
    }
    Err(Broken::new(format!(
        "{words:?} fails again and again: {last}"
    )))
}

/// Runs a command once; what it said on stderr where it failed.
fn once(
    binary: &Path,
    directory: &Path,
    words: &[&str],
    input: &str,
) -> Result<Result<Vec<Value>, String>, Broken> {
    let mut child = Command::new(binary)
        .current_dir(directory)
        .arg("--json")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Broken::with("countersign"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends before it has read everything says why.
        let _written = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(Broken::with("countersign"))?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let told = String::from_utf8_lossy(&output.stdout);
    let lines: Result<Vec<Value>, _> = told.lines().map(serde_json::from_str).collect();
    Ok(Ok(lines.map_err(Broken::new)?))
}
