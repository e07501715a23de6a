//! The temporary directory of one server, and the watchdog that outlives this process.

use std::io::{self, Write};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::account::Account;
use crate::Error;

/// Reads `PID SIGNAL` lines, the last of which counts, until its stdin ends; then stops that
/// process and removes the directory `$1`.
///
/// The kernel ends its stdin when this process ends, in whatever way: nothing has to be polled,
/// and SIGKILL is no exception. It shields itself from the signals of a terminal, which would
/// otherwise reach it first. Its patience has a limit because a process that nobody reaps, as in
/// a container without an init, looks alive for ever.
const WATCHDOG: &str = r#"
trap '' HUP INT QUIT TERM
pid=
while read -r next_pid next_stop; do pid=$next_pid stop=$next_stop; done
if [ -n "$pid" ]; then
    kill -s "$stop" "$pid"
    kill -s CONT "$pid"
    tries=0
    while [ "$tries" -lt 50 ] && kill -0 "$pid"; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -s KILL "$pid"
fi
rm -rf -- "$1"
"#;

/// Where one server keeps its files. Dropping it removes them.
#[derive(Debug)]
pub(crate) struct Home {
    directory: TempDir,
    watchdog: Child,
}

impl Home {
    /// A new directory that belongs to `owner`, or to this account.
    pub(crate) fn new(name: &str, owner: Option<Account>) -> Result<Self, Error> {
        // Root's own temporary directory may be one that nobody else can enter.
        let parent = match owner {
            Some(_) => PathBuf::from("/tmp"),
            None => std::env::temp_dir(),
        };
        let failed = |source| Error::File {
            action: "make a directory for a server in",
            path: parent.clone(),
            source,
        };
        let directory = tempfile::Builder::new()
            .prefix(&format!("countersign-{name}-"))
            .tempdir_in(&parent)
            .map_err(failed)?;
        if let Some(Account { uid, gid }) = owner {
            chown(directory.path(), Some(uid), Some(gid)).map_err(failed)?;
        }
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(directory.path())
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| Error::Run {
                program: "sh".to_owned(),
                source,
            })?;
        Ok(Self {
            directory,
            watchdog,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// From now on this process dies with ours.
    pub(crate) fn watch(&mut self, pid: u32, stop: Signal) -> io::Result<()> {
        // `kill -s` wants the name without its prefix.
        let stop = stop.as_str().trim_start_matches("SIG");
        self.tell_watchdog(&format!("{pid} {stop}\n"))
    }

    /// The process is gone; its number may soon be somebody else's.
    pub(crate) fn forget(&mut self) -> io::Result<()> {
        self.tell_watchdog("\n")
    }

    fn tell_watchdog(&mut self, line: &str) -> io::Result<()> {
        match &mut self.watchdog.stdin {
            Some(stdin) => stdin.write_all(line.as_bytes()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Ends its stdin and waits: the watchdog removes the directory here as it would without
        // us, so that the rare case is the everyday one. `TempDir` looks after what it left.
        let _ = self.watchdog.wait();
    }
}
