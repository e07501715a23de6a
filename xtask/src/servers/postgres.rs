//! A private PostgreSQL server.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::account::Account;
use super::home::Home;
use super::ports::on_a_free_port;
use super::process::{Process, tail};
use crate::Error;
use crate::interrupts::Interrupts;
use crate::programs::Server;

/// The superuser, whom everybody on this machine may be: the server holds nothing but tests.
const USER: &str = "postgres";
const CLUSTER: &str = "cluster";

/// A running server. Dropping it stops it at once and removes its data.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    program: PathBuf,
    port: u16,
}

impl Postgres {
    /// Starts a server with an empty cluster, on a free port.
    ///
    /// # Errors
    /// It did not come up, or somebody asked the task to stop.
    pub fn start(program: &Path, interrupts: &Interrupts) -> Result<Self, Error> {
        on_a_free_port(|port| Self::start_on(program, port, interrupts))
    }

    /// Starts a server with an empty cluster, on this port.
    ///
    /// # Errors
    /// [`Error::PortTaken`]; it did not come up; or somebody asked the task to stop.
    pub fn start_on(program: &Path, port: u16, interrupts: &Interrupts) -> Result<Self, Error> {
        let account = Account::instead_of_root()?;
        let mut home = Home::new("postgres", account)?;
        initdb(&program.with_file_name("initdb"), &mut home, account)?;

        let mut command = server(program, &home, port, account);
        // SIGQUIT is its immediate shutdown.
        let title = Server::Postgres.title();
        let mut process = Process::spawn(title, &mut command, home, Signal::SIGQUIT)?;
        process.wait_until(interrupts, port, accepts_connections)?;
        Ok(Self {
            process,
            program: program.to_owned(),
            port,
        })
    }

    /// Stops the server at once, as a crash would, and starts it again on the same port with the
    /// same files. Returns when it has recovered and accepts connections.
    ///
    /// # Errors
    /// [`Error::PortTaken`], by somebody who was quicker; it did not come up; or somebody asked the
    /// task to stop.
    pub fn restart_at_once(&mut self, interrupts: &Interrupts) -> Result<(), Error> {
        let account = Account::instead_of_root()?;
        let mut command = server(&self.program, self.process.home(), self.port, account);
        self.process.restart(&mut command)?;
        self.process
            .wait_until(interrupts, self.port, accepts_connections)
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process id.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The directory that holds all of the server's files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.process.home().path()
    }
}

/// The server's defaults, durability included: tests are of what people will run.
fn server(program: &Path, home: &Home, port: u16, account: Option<Account>) -> Command {
    let mut command = Command::new(program);
    command.arg("-D").arg(home.path().join(CLUSTER));
    for setting in [
        "listen_addresses=127.0.0.1",
        &format!("port={port}"),
        &format!("unix_socket_directories={}", home.path().display()),
        "max_connections=200",
    ] {
        command.args(["-c", setting]);
    }
    if let Some(account) = account {
        account.run_as(&mut command);
    }
    command
}

fn initdb(program: &Path, home: &mut Home, account: Option<Account>) -> Result<(), Error> {
    let mut command = Command::new(program);
    let failed = Error::running(&command);
    command
        .arg("-D")
        .arg(home.path().join(CLUSTER))
        .arg(format!("--username={USER}"))
        .args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .current_dir(home.path())
        .env("LC_ALL", "C")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    if let Some(account) = account {
        account.run_as(&mut command);
    }
    let child = command.spawn().map_err(&failed)?;
    let watched = home.watch(child.id(), Signal::SIGKILL);
    let output = child.wait_with_output();
    watched.and_then(|()| home.forget()).map_err(&failed)?;
    let output = output.map_err(&failed)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::ServerFailed {
        server: Server::Postgres.title(),
        why: format!("`initdb` failed ({})", output.status),
        log: tail(&String::from_utf8_lossy(&output.stderr)),
    })
}

/// As `pg_ctl --wait` has it: the first line of `postmaster.pid` is this very process, the
/// eighth its state. Another server that got the port cannot be taken for this one.
fn accepts_connections(process: &Process) -> bool {
    let path = process.home().path().join(CLUSTER).join("postmaster.pid");
    let Ok(text) = fs::read_to_string(path) else {
        return false;
    };
    let mut lines = text.lines();
    let pid = lines.next().and_then(|line| line.trim().parse().ok());
    let state = lines.nth(6).map(str::trim);
    pid == Some(process.id()) && state == Some("ready")
}
