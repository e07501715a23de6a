//! The stock worker's way of doing work: one command for each run.
//!
//! The command is started in a process group of its own, with the run as one line of JSON on its
//! standard input. How it ends decides what the run came to:
//!
//! | end | the run |
//! |---|---|
//! | exit 0 | succeeded |
//! | exit 3 | partially succeeded |
//! | any other exit, a signal, no start at all | failed, tried again under the operation's policy |
//! | an exit among `permanent_exit_codes` | failed, not tried again |
//! | told to stop | cancelled |
//!
//! Its standard output is the run's `result` where the whole of it is one JSON document of at most
//! 1 MiB. The last 8 KiB of either output are kept with the run; nothing of them reaches the worker's
//! own output, and however much there is, the worker reads all and keeps no more than that.
//!
//! What the command starts ends with it. Once the command has exited, its process group is killed:
//! whatever of it were still at work would be so without lease and without authority. Processes that
//! still hold an output open are first waited for, but no longer than a second. A process that must
//! outlive the run has to leave the group (`setsid`).

mod capture;
mod ended;
mod group;

use std::ffi::OsStr;
use std::io;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::{MAX_JSON_BYTES, RunStatus};
use futures::future::{Either, select};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, Command};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use self::capture::Capture;
use self::ended::{Ended, stopped};
use self::group::{ProcessGroup, Stop};
use crate::config::CommandSpec;
use crate::handler::{Execution, Handler, Report};

/// What the environment variables that belong to Countersign begin with.
const OWN_VARIABLES: &str = "COUNTERSIGN_";
/// How long outputs may stay open after the command has exited.
const LINGER: Duration = Duration::from_secs(1);

/// Runs the command of one operation.
///
/// # Environment
/// That of the worker without any variable whose name begins with `COUNTERSIGN_`, above all
/// `COUNTERSIGN_STORE`, which may hold credentials. In their place, `COUNTERSIGN_` and: `RUN_ID`,
/// `CHAIN_ID`, `ATTEMPT`, `WORKSPACE_ID`, `TENANT_ID`, `INITIATOR` (not for system runs),
/// `AUTHORITY_MODE`, `OPERATION_TYPE`, `PROVIDER_CONNECTION_ID` (where the run names one) and
/// `DECISION_ID`. Outside systems can fence by the run's id and the chain's (G3).
///
/// # Standard input
/// The run as it stands while it is running, without the decision, and a newline; then the end. A
/// command that does not read it has not failed.
///
/// # Cancel safety
/// On cancellation the process group gets `SIGTERM`, and after [`CommandSpec::kill_grace`] `SIGKILL`;
/// the report says cancelled, whatever the exit code, and keeps result and output. The grace is that
/// of the command and of those who hold its outputs; the rest of the group is killed with it. When the
/// future is dropped, the whole group is killed at once.
#[derive(Debug)]
pub struct CommandHandler {
    spec: CommandSpec,
    linger: Duration,
}

impl CommandHandler {
    /// Runs this command.
    #[must_use]
    pub fn new(spec: CommandSpec) -> Self {
        Self {
            spec,
            linger: LINGER,
        }
    }

    fn command(&self, execution: &Execution) -> Command {
        let run = execution.run();
        let mut command = Command::new(&self.spec.program);
        command
            .args(&self.spec.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if is_own(&name) {
                command.env_remove(name);
            }
        }
        let connection = run.provider_connection_id.as_ref().map(AsRef::as_ref);
        let decision = execution.entry().decision_id().to_string();
        let variables: [(&str, Option<&str>); 10] = [
            ("RUN_ID", Some(&run.id.to_string())),
            ("CHAIN_ID", Some(&run.chain_id.to_string())),
            ("ATTEMPT", Some(&run.attempt.to_string())),
            ("WORKSPACE_ID", Some(run.workspace_id.as_str())),
            ("TENANT_ID", Some(run.tenant_id.as_str())),
            ("INITIATOR", run.initiator.as_ref().map(AsRef::as_ref)),
            ("AUTHORITY_MODE", Some(run.authority_mode.as_str())),
            ("OPERATION_TYPE", Some(run.operation_type.as_str())),
            ("PROVIDER_CONNECTION_ID", connection),
            ("DECISION_ID", Some(&decision)),
        ];
        for (name, value) in variables {
            if let Some(value) = value {
                command.env(format!("{OWN_VARIABLES}{name}"), value);
            }
        }
        command
    }

    /// Feeds the command, reads it, and sees it out.
    async fn attend(
        &self,
        mut group: ProcessGroup,
        input: Vec<u8>,
        cancel: &CancellationToken,
    ) -> io::Result<Ended> {
        let (stdin, out, err) = group.pipes()?;
        let mut stdout = Capture::whole_up_to(MAX_JSON_BYTES);
        let mut stderr = Capture::tail_only();
        let stop = {
            // In one task, so that no pipe ever waits for another, and dropping it drops everything.
            let pumping = pin!(async {
                tokio::join!(feed(stdin, input), stdout.drain(out), stderr.drain(err));
            });
            let exit = pin!(group.exited_or_stopped(cancel, self.spec.kill_grace));
            match select(pumping, exit).await {
                Either::Left(((), exit)) => exit.await?,
                Either::Right((stop, pumping)) => {
                    let stop = stop?;
                    let until = match stop {
                        Stop::Asked { until } => until,
                        Stop::None | Stop::Killed => Instant::now() + self.linger,
                    };
                    // Whoever still holds a pipe then is about to be killed.
                    let _closed = timeout_at(until, pumping).await;
                    stop
                }
            }
        };
        Ok(Ended {
            status: group.kill_and_reap().await?,
            stopped: !matches!(stop, Stop::None),
            stdout,
            stderr,
        })
    }
}

#[async_trait]
impl Handler for CommandHandler {
    async fn handle(&self, execution: Execution) -> Report {
        if execution.cancellation().is_cancelled() {
            return stopped();
        }
        let input = match run_as_it_stands(&execution) {
            Ok(input) => input,
            Err(error) => {
                return Report::failed(format_args!("the run cannot be written as JSON: {error}"));
            }
        };
        let group = match ProcessGroup::spawn(&mut self.command(&execution)) {
            Ok(group) => group,
            Err(error) => {
                let program = &self.spec.program;
                return Report::failed(format_args!("`{program}` cannot be started: {error}"));
            }
        };
        match self.attend(group, input, execution.cancellation()).await {
            Ok(ended) => ended.report(&self.spec.permanent_exit_codes),
            Err(error) => Report::failed(format_args!("how it ended cannot be told: {error}")),
        }
    }
}

fn is_own(name: &OsStr) -> bool {
    name.as_encoded_bytes()
        .starts_with(OWN_VARIABLES.as_bytes())
}

/// The run as it stands while it is running, on one line.
fn run_as_it_stands(execution: &Execution) -> serde_json::Result<Vec<u8>> {
    let mut run = execution.run().clone();
    run.status = RunStatus::Running;
    run.started_at = Some(execution.entry().started_at());
    let mut line = serde_json::to_vec(&run)?;
    line.push(b'\n');
    Ok(line)
}

/// A command need not read its input: that it cannot be written means nothing.
async fn feed(mut stdin: ChildStdin, input: Vec<u8>) {
    let _unread = stdin.write_all(&input).await;
}

#[cfg(test)]
mod tests;
