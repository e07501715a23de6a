//! A command's process group, which never outlives the value that stands for it.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{self, SignalKind};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// A process group led by a command.
///
/// Its id is the leader's process id, and the kernel keeps that from being given to anybody else for
/// as long as the leader is not reaped, dead or alive. So the group is signalled only until then: the
/// leader's exit is looked for without reaping it, the group is killed, and only then is the leader
/// reaped. A signal can never reach a stranger.
///
/// Dropping it kills the group; the runtime reaps the leader.
#[derive(Debug)]
pub(super) struct ProcessGroup {
    leader: Child,
    id: Pid,
    /// `SIGCHLD`: some child of the worker may have exited.
    deaths: unix::Signal,
    /// Whether the id is still known to be the group's.
    reserved: bool,
}

/// Whether and how a group was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// It was not: the leader exited by itself.
    None,
    /// The leader exited when asked; the others may take until then.
    Asked {
        /// The end of the grace.
        until: Instant,
    },
    /// It was killed when the grace was over.
    Killed,
}

impl ProcessGroup {
    /// Starts a command as the leader of a new group.
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        // Before the command, so that its death cannot go unnoticed.
        let deaths = unix::signal(SignalKind::child())?;
        let leader = command.process_group(0).spawn()?;
        let id = leader.id().and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(Pid::from_raw);
        Ok(Self {
            leader,
            id: id.ok_or_else(|| io::Error::other("it has no process id"))?,
            deaths,
            reserved: true,
        })
    }

    /// Takes the leader's standard input, output and error, which are there once.
    pub(super) fn pipes(&mut self) -> io::Result<(ChildStdin, ChildStdout, ChildStderr)> {
        let Child {
            stdin,
            stdout,
            stderr,
            ..
        } = &mut self.leader;
        match (stdin.take(), stdout.take(), stderr.take()) {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok((stdin, stdout, stderr)),
            _ => Err(io::Error::other("it has no pipes")),
        }
    }

    /// Waits until the leader has exited. On cancellation the group is asked to stop, and killed when
    /// the leader is still there after the grace.
    pub(super) async fn exited_or_stopped(
        &mut self,
        cancel: &CancellationToken,
        grace: Duration,
    ) -> io::Result<Stop> {
        tokio::select! {
            biased;
            exited = self.exited() => return exited.map(|()| Stop::None),
            () = cancel.cancelled() => {}
        }
        let until = Instant::now() + grace;
        self.signal(Signal::TERM);
        if let Ok(exited) = timeout_at(until, self.exited()).await {
            return exited.map(|()| Stop::Asked { until });
        }
        self.signal(Signal::KILL);
        self.exited().await.map(|()| Stop::Killed)
    }

    /// Kills whatever is left of the group, and reaps the leader.
    pub(super) async fn kill_and_reap(mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        let status = self.leader.wait().await;
        // In the same poll as the reaping, so that no drop can come between.
        self.reserved = false;
        status
    }

    /// Waits until the leader has exited, and leaves it to be reaped.
    async fn exited(&mut self) -> io::Result<()> {
        while !self.has_exited()? {
            // Every command's handler wakes for every death; looking costs one cheap system call.
            if self.deaths.recv().await.is_none() {
                return Err(io::Error::other("the runtime is shutting down"));
            }
        }
        Ok(())
    }

    fn has_exited(&mut self) -> io::Result<bool> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.id), look) {
            Ok(exit) => Ok(exit.is_some()),
            Err(error) => {
                // It is no child of ours any more: somebody else has reaped it.
                self.reserved = false;
                Err(error.into())
            }
        }
    }

    /// Signals every member. There may be none but the dead leader, or some that may not be signalled
    /// (set-user-id programs); nothing can be done about either.
    fn signal(&self, signal: Signal) {
        if self.reserved {
            let _none_left = kill_process_group(self.id, signal);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
