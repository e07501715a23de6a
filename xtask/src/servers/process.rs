//! One server process, from its start to its certain end.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use super::home::Home;
use crate::Error;
use crate::interrupts::{Interrupts, pid_of};

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How often a process that says nothing of itself is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LOG: &str = "server.log";
const LOG_TAIL_LINES: usize = 30;

/// A server process with its files. Dropping it stops the one and removes the others.
#[derive(Debug)]
pub(crate) struct Process {
    server: &'static str,
    child: Child,
    stop: Signal,
    home: Home,
}

impl Process {
    /// Starts `command` in `home`, its output in a log file there. `stop` is the signal that
    /// makes this kind of server leave at once.
    pub(crate) fn spawn(
        server: &'static str,
        command: &mut Command,
        mut home: Home,
        stop: Signal,
    ) -> Result<Self, Error> {
        let child = start(command, &home)?;
        let watched = home.watch(child.id(), stop);
        let process = Self {
            server,
            child,
            stop,
            home,
        };
        watched.map_err(Error::running(command))?;
        Ok(process)
    }

    /// Makes it leave at once and starts `command` in its place, with the files that it left.
    pub(crate) fn restart(&mut self, command: &mut Command) -> Result<(), Error> {
        self.end();
        let failed = Error::running(command);
        self.home.forget().map_err(&failed)?;
        self.child = start(command, &self.home)?;
        let watched = self.home.watch(self.child.id(), self.stop);
        watched.map_err(&failed)
    }

    /// Makes it leave at once, and keeps its files.
    pub(crate) fn stop(&mut self) {
        self.end();
        // Without a watchdog there is nobody to tell, and nothing that could be hit.
        let _ = self.home.forget();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// Waits until `ready` says so, as long as the server lives and the time limit allows.
    pub(crate) fn wait_until(
        &mut self,
        interrupts: &Interrupts,
        port: u16,
        ready: impl Fn(&Self) -> bool,
    ) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            interrupts.check()?;
            if let Some(status) = self.exited()? {
                return Err(self.failure(port, format!("it ended ({status})")));
            }
            if ready(self) {
                return Ok(());
            }
            if begun.elapsed() > START_LIMIT {
                let limit = START_LIMIT.as_secs();
                return Err(self.failure(port, format!("it was not ready after {limit} s")));
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn exited(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.child.try_wait().map_err(|source| Error::System {
            action: "look after a server",
            source,
        })
    }

    /// Makes it leave at once, and returns when it is gone.
    fn end(&mut self) {
        // Without this question a number that is somebody else's by now could get the signal.
        let mut gone = matches!(self.child.try_wait(), Ok(Some(_)));
        if !gone && let Ok(pid) = pid_of(self.child.id()) {
            let _ = kill(pid, self.stop);
            // A test may have left it stopped.
            let _ = kill(pid, Signal::SIGCONT);
            let begun = Instant::now();
            while !gone && begun.elapsed() < STOP_LIMIT {
                thread::sleep(LOOK_EVERY);
                gone = matches!(self.child.try_wait(), Ok(Some(_)));
            }
        }
        if !gone {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    fn failure(&self, port: u16, why: String) -> Error {
        let server = self.server;
        let log = fs::read(self.home.path().join(LOG)).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        // glibc and macOS say the one, musl the other.
        let taken = ["Address already in use", "Address in use"];
        if taken.iter().any(|words| log.contains(words)) {
            return Error::PortTaken { server, port };
        }
        Error::ServerFailed {
            server,
            why,
            log: tail(&log),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        let _ = self.home.forget();
    }
}

/// Starts `command` in `home`, its output at the end of the log file there.
fn start(command: &mut Command, home: &Home) -> Result<Child, Error> {
    let path = home.path().join(LOG);
    let log = OpenOptions::new().create(true).append(true).open(&path);
    let (stdout, stderr) = log
        .and_then(|log| Ok((log.try_clone()?, log)))
        .map_err(|source| Error::File {
            action: "create",
            path,
            source,
        })?;
    let failed = Error::running(command);
    // A process group of its own: Ctrl-C is for the task, which then stops its servers in
    // order. Nothing of ours is inherited, or whoever reads our output would wait for it.
    command
        .current_dir(home.path())
        .env("LC_ALL", "C")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .map_err(failed)
}

/// The last lines of a log.
pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let skipped = lines.len().saturating_sub(LOG_TAIL_LINES);
    let last: Vec<&str> = lines.into_iter().skip(skipped).collect();
    last.join("\n")
}
