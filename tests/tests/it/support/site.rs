//! A deployment as an operator has it: a directory with a store and a configuration, and the binary.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::binary::countersign;
use super::wait::until;

/// A directory of its own, removed at the end. Commands run in it, so `sqlite://countersign.db` and
/// `countersign.toml` are found there without being named.
pub(crate) struct Site {
    dir: TempDir,
    /// The store, where it is not the file in the directory.
    store: Option<String>,
}

impl Site {
    /// Neither store nor configuration.
    pub(crate) fn bare() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a directory"),
            store: None,
        }
    }

    /// This configuration, and a store elsewhere that is prepared already.
    pub(crate) fn at(store: String, config: &str) -> Self {
        let site = Self {
            store: Some(store),
            ..Self::bare()
        };
        site.write("countersign.toml", config);
        site
    }

    /// A prepared store and this configuration.
    pub(crate) fn new(config: &str) -> Self {
        let site = Self::bare();
        site.write("countersign.toml", config);
        site.run(["migrate"]).expect_code(0);
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    /// The lines of a file that commands write; none where it is not there yet.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Runs a command to its end.
    pub(crate) fn run<W: AsRef<str>>(&self, words: impl IntoIterator<Item = W>) -> Told {
        self.run_with_input(words, "")
    }

    /// Runs a command that reads this.
    pub(crate) fn run_with_input<W: AsRef<str>>(
        &self,
        words: impl IntoIterator<Item = W>,
        input: &str,
    ) -> Told {
        let mut child = self
            .command(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary");
        let mut stdin = child.stdin.take().expect("a pipe");
        // A command that refuses its words reads nothing.
        let _unread = stdin.write_all(input.as_bytes());
        drop(stdin);
        Told::of(child.wait_with_output().expect("its end"))
    }

    /// Runs a command with `--json` that must succeed, and reads what it prints.
    pub(crate) fn json<'w>(&self, words: impl IntoIterator<Item = &'w str>) -> Vec<Value> {
        let words: Vec<&str> = words.into_iter().chain(["--json"]).collect();
        self.run(words).expect_code(0).objects()
    }

    /// Applies authority changes.
    pub(crate) fn apply(&self, lines: &str) {
        self.run_with_input(["authority", "apply", "-"], lines)
            .expect_code(0);
    }

    /// Queues a file of runs; answers with their ids.
    pub(crate) fn submit_lines(&self, lines: &str) -> Vec<String> {
        let told = self
            .run_with_input(["submit", "--file", "-", "--json"], lines)
            .expect_code(0);
        super::ids_of(&told.objects())
    }

    /// Queues one run of user 7 in workspace 1, tenant 4.
    pub(crate) fn submit(&self, operation: &str) -> String {
        let line = format!(r#"{{"workspace":"1","tenant":"4","user":"7","type":"{operation}"}}"#);
        self.submit_lines(&line).remove(0)
    }

    /// The record of a run.
    pub(crate) fn show(&self, id: &str) -> Value {
        self.json(["runs", "show", id]).remove(0)
    }

    /// Every run, newest first.
    pub(crate) fn runs(&self) -> Vec<Value> {
        self.json(["runs", "list", "--limit", "1000000"])
    }

    /// Every entry of the authority log, newest first.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.json(["authority", "log", "--limit", "1000000"])
    }

    /// Works off what is queued and due; answers with the worker's own count.
    pub(crate) fn drain(&self) -> Value {
        self.json(["worker", "--drain"]).remove(0)
    }

    /// Starts a worker. Its stdout goes to the file `NAME.out`, its stderr to `NAME.err`.
    pub(crate) fn start_worker<'w>(
        &self,
        name: &'w str,
        words: impl IntoIterator<Item = &'w str>,
    ) -> WorkerProcess {
        let worker = ["worker", "--json", "--name", name];
        self.start(name, worker.into_iter().chain(words))
    }

    /// Starts a command. Its stdout goes to the file `NAME.out`, its stderr to `NAME.err`.
    pub(crate) fn start<'w>(
        &self,
        name: &str,
        words: impl IntoIterator<Item = &'w str>,
    ) -> WorkerProcess {
        let file = |ending: &str| File::create(self.path(&format!("{name}.{ending}"))).unwrap();
        let child = self
            .command(words)
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .expect("the binary");
        WorkerProcess {
            child,
            out: self.path(&format!("{name}.out")),
            err: self.path(&format!("{name}.err")),
        }
    }

    /// Runs a command in an environment with this variable too.
    pub(crate) fn run_with_variable<'w>(
        &self,
        (name, value): (&str, &str),
        words: impl IntoIterator<Item = &'w str>,
    ) -> Told {
        let ended = self
            .command(words)
            .env(name, value)
            .output()
            .expect("the binary");
        Told::of(ended)
    }

    fn command<W: AsRef<str>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = Command::new(countersign());
        command
            .args(words.into_iter().map(|word| word.as_ref().to_owned()))
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("USER", "operator")
            .envs(self.store.iter().map(|url| ("COUNTERSIGN_STORE", url)));
        command
    }
}

/// How a command ended and what it said.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Told {
    fn of(ended: Output) -> Self {
        Self {
            code: ended.status.code(),
            stdout: String::from_utf8(ended.stdout).expect("UTF-8"),
            stderr: String::from_utf8(ended.stderr).expect("UTF-8"),
        }
    }

    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// What it printed with `--json`: one object a line, and nothing else.
    #[track_caller]
    pub(crate) fn objects(&self) -> Vec<Value> {
        let read = |line: &str| {
            let value: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(value.is_object(), "not an object: {line}");
            value
        };
        assert!(
            self.stdout.is_empty() || self.stdout.ends_with('\n'),
            "the last line is not ended: {}",
            self.stdout
        );
        self.stdout.lines().map(read).collect()
    }

    /// The failure it printed with `--json`: one line on stderr, all four keys, nothing else.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let told: Value = serde_json::from_str(&self.stderr)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stderr));
        assert_eq!(self.stderr.trim_end().lines().count(), 1, "{}", self.stderr);
        let error = told["error"].as_object().expect("an error object");
        assert_eq!(told.as_object().unwrap().len(), 1, "{told}");
        let mut keys: Vec<&str> = error.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["code", "field", "line", "message"], "{told}");
        told["error"].clone()
    }
}

/// A worker in a process of its own; killed where a test ends before it.
pub(crate) struct WorkerProcess {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl WorkerProcess {
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("the worker's own process");
    }

    /// SIGKILL: nothing of it is left to say anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the worker's own process");
        self.child.wait().expect("its end");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("its end").is_some()
    }

    /// Waits for its end; what it said is in its files.
    pub(crate) fn wait(mut self) -> Ended {
        until("the worker ends", || self.has_ended());
        Ended {
            status: self.child.wait().expect("its end"),
            stdout: read(&self.out),
            stderr: read(&self.err),
        }
    }

    /// What it has said on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        read(&self.err)
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // Only for tests that fail: it has ended otherwise.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The end of a worker process.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Its own count, of a worker that ended in order.
    #[track_caller]
    pub(crate) fn report(&self) -> Value {
        assert_eq!(self.status.code(), Some(0), "{}", self.stderr);
        serde_json::from_str(&self.stdout).expect("one object")
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
