//! Why a task did not get to its end.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use nix::sys::signal::Signal;

/// Why a task did not get to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Somebody asked the task to stop.
    #[error("stopped by {0}")]
    Interrupted(Signal),
    /// A step ran and failed; its own output says why.
    #[error("this step failed ({status}): {step}")]
    StepFailed {
        /// The step's command line.
        step: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A program could not be started at all.
    #[error("could not run `{program}`")]
    Run {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A server program is missing and could not be installed.
    #[error("{title} {minimum} or newer is needed{}, and {why}\n{advice}", too_old(.found))]
    ServerMissing {
        /// The server, for people.
        title: &'static str,
        /// The oldest version that will do.
        minimum: u32,
        /// Versions that were found and are too old.
        found: Vec<String>,
        /// Why it was not installed.
        why: String,
        /// What a person can do about it.
        advice: String,
    },
    /// The port that a server was given went to somebody else before it could listen.
    #[error("port {port} was taken before {server} could listen on it")]
    PortTaken {
        /// The server, for people.
        server: &'static str,
        /// The port.
        port: u16,
    },
    /// A server did not come up.
    #[error("{server} did not start: {why}; the end of its log:\n{log}")]
    ServerFailed {
        /// The server, for people.
        server: &'static str,
        /// What was seen of it.
        why: String,
        /// The end of what it logged.
        log: String,
    },
    /// A server was told something and did not do it.
    #[error("the server on port {port} answered `{command}` with: {answer}")]
    NotDone {
        /// The server's port.
        port: u16,
        /// What it was told.
        command: String,
        /// What it said.
        answer: String,
    },
    /// A cluster has fewer nodes.
    #[error("the cluster has no node {node}, counted from 0")]
    NoNode {
        /// Which one was asked for.
        node: usize,
    },
    /// `PostgreSQL` refuses to run as root, and no other account was found.
    #[error(
        "PostgreSQL does not run as root, and there is neither an account `postgres` nor `nobody`"
    )]
    NoAccount,
    /// A file or directory of a server could not be made or read.
    #[error("could not {action} `{}`", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something the task itself needs from the system.
    #[error("could not {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Says which command could not be run.
    pub(crate) fn running(command: &Command) -> impl Fn(io::Error) -> Self + use<> {
        let program = command.get_program().to_string_lossy().into_owned();
        move |source| Self::Run {
            program: program.clone(),
            source,
        }
    }

    /// The error and what caused it, on one line where they are.
    #[must_use]
    pub fn with_sources(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(source) = next {
            // Writing to a string does not fail.
            let _ = write!(text, ": {source}");
            next = source.source();
        }
        text
    }

    /// 128 and the signal's number after a signal, as shells have it; otherwise 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Interrupted(signal) => u8::try_from(128 + *signal as i32).unwrap_or(1),
            Error::StepFailed { .. }
            | Error::Run { .. }
            | Error::ServerMissing { .. }
            | Error::PortTaken { .. }
            | Error::ServerFailed { .. }
            | Error::NotDone { .. }
            | Error::NoNode { .. }
            | Error::NoAccount
            | Error::File { .. }
            | Error::System { .. } => 1,
        }
    }
}

fn too_old(found: &[String]) -> String {
    if found.is_empty() {
        String::new()
    } else {
        format!(" (found only {})", found.join(", "))
    }
}
