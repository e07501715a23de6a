//! What a command's end says about its run.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use countersign_domain::ActorName;
use serde::Serialize;

use super::capture::Capture;
use crate::handler::{Report, Retryable};

/// Done.
const SUCCEEDED: i32 = 0;
/// Part of it is done.
const PARTIALLY_SUCCEEDED: i32 = 3;
/// The longest line of standard error that a failure's message quotes, in characters.
const QUOTED_CHARS: usize = 240;

/// How a command ended, and what it printed.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stopped: bool,
    pub(super) stdout: Capture,
    pub(super) stderr: Capture,
}

/// `output` in the record: what a command printed last and how it ended. Left out where that is
/// nothing but a result and exit 0.
#[derive(Serialize)]
struct Output<'a> {
    /// None where it became the result.
    stdout: Option<&'a str>,
    stderr: &'a str,
    exit_code: Option<i32>,
    signal: Option<i32>,
}

impl Ended {
    /// The report of a command with these permanent exit codes.
    pub(super) fn report(&self, permanent: &BTreeSet<u8>) -> Report {
        let (stdout, stderr) = (self.stdout.tail(), self.stderr.tail());
        let result = self.stdout.document();
        let output = Output {
            stdout: result.is_none().then_some(stdout.as_str()),
            stderr: &stderr,
            exit_code: self.status.code(),
            signal: self.status.signal(),
        };
        let silent = output.stdout.unwrap_or_default().is_empty() && stderr.is_empty();
        let report = match self.status.code() {
            _ if self.stopped => stopped(),
            Some(SUCCEEDED) => Report::succeeded(),
            Some(PARTIALLY_SUCCEEDED) => Report::partially_succeeded(),
            Some(_) | None => Report::failed(self.message(&stderr)).retried(self.retry(permanent)),
        };
        let report = Report { result, ..report };
        if silent && self.status.success() {
            report
        } else {
            report.with_output(&output)
        }
    }

    /// How it ended, and its last words.
    fn message(&self, stderr: &str) -> String {
        let end = match self.status.code() {
            Some(code) => format!("exited with status {code}"),
            // The standard library knows the names: `signal: 11 (SIGSEGV)`.
            None => format!("ended by {}", self.status).replacen("signal: ", "signal ", 1),
        };
        let last = stderr.lines().map(str::trim).rfind(|line| !line.is_empty());
        match last {
            None => end,
            Some(line) => {
                let words = line.chars().filter(|c| !c.is_control());
                let words: String = words.take(QUOTED_CHARS).collect();
                format!("{end}: {words}")
            }
        }
    }

    fn retry(&self, permanent: &BTreeSet<u8>) -> Retryable {
        let code = self.status.code().and_then(|code| u8::try_from(code).ok());
        if code.is_some_and(|code| permanent.contains(&code)) {
            Retryable::Never
        } else {
            Retryable::ByPolicy
        }
    }
}

/// The report of a command that was told to stop.
pub(super) fn stopped() -> Report {
    #[expect(clippy::expect_used, reason = "a constant text")]
    let worker = ActorName::new("worker").expect("six letters are a name");
    Report::cancelled(worker, Some("the command was stopped".to_owned()))
}
