//! A private Redis (or Valkey) server.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::home::Home;
use super::ports::on_a_free_port;
use super::process::Process;
use crate::Error;
use crate::interrupts::Interrupts;
use crate::programs::Server;

/// A running server. Dropping it stops it at once and removes its files.
#[derive(Debug)]
pub struct Redis {
    program: PathBuf,
    process: Process,
    port: u16,
    keeps: Keeps,
    bus: Option<Bus>,
}

/// How a node of a cluster hears of the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bus {
    /// The port on 127.0.0.1 for the other nodes.
    pub(crate) port: u16,
    /// How long a node is silent before it is taken for dead.
    pub(crate) node_timeout: Duration,
}

/// What a server keeps on disk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Keeps {
    Nothing,
    Everything,
}

impl Redis {
    /// Starts an empty server that keeps nothing on disk, on a free port.
    ///
    /// # Errors
    /// It did not come up, or somebody asked the task to stop.
    pub fn start(program: &Path, interrupts: &Interrupts) -> Result<Self, Error> {
        on_a_free_port(|port| Self::start_on(program, port, interrupts))
    }

    /// Starts an empty server that has everything on disk before it answers, on a free port.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub fn start_durable(program: &Path, interrupts: &Interrupts) -> Result<Self, Error> {
        on_a_free_port(|port| {
            Self::start_keeping(program, port, Keeps::Everything, None, interrupts)
        })
    }

    /// Starts an empty server that keeps nothing on disk, on this port.
    ///
    /// # Errors
    /// [`Error::PortTaken`]; it did not come up; or somebody asked the task to stop.
    pub fn start_on(program: &Path, port: u16, interrupts: &Interrupts) -> Result<Self, Error> {
        Self::start_keeping(program, port, Keeps::Nothing, None, interrupts)
    }

    pub(crate) fn start_keeping(
        program: &Path,
        port: u16,
        keeps: Keeps,
        bus: Option<Bus>,
        interrupts: &Interrupts,
    ) -> Result<Self, Error> {
        let home = Home::new("redis", None)?;
        let mut command = server(program, &home, port, keeps, bus);
        let title = Server::Redis.title();
        // Whatever is to last is on disk already: there is nothing that a gentler signal would spare.
        let process = Process::spawn(title, &mut command, home, Signal::SIGKILL)?;
        let mut started = Self {
            program: program.to_owned(),
            process,
            port,
            keeps,
            bus,
        };
        started.wait(interrupts)?;
        Ok(started)
    }

    /// Kills the server, as a crash would, and starts it again on the same port with the same files.
    /// Returns when it answers.
    ///
    /// # Errors
    /// As [`Redis::start_on`].
    pub fn restart_at_once(&mut self, interrupts: &Interrupts) -> Result<(), Error> {
        let home = self.process.home();
        let mut command = server(&self.program, home, self.port, self.keeps, self.bus);
        self.process.restart(&mut command)?;
        self.wait(interrupts)
    }

    /// Kills the server, as a crash would. It may be started again by [`Redis::restart_at_once`].
    pub fn kill(&mut self) {
        self.process.stop();
    }

    fn wait(&mut self, interrupts: &Interrupts) -> Result<(), Error> {
        let port = self.port;
        self.process.wait_until(interrupts, port, |process| {
            answering_process(port).is_ok_and(|id| id == process.id())
        })
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port for the other nodes of its cluster; its own where it is in none.
    pub(crate) fn bus_port(&self) -> u16 {
        self.bus.map_or(self.port, |bus| bus.port)
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

fn server(program: &Path, home: &Home, port: u16, keeps: Keeps, bus: Option<Bus>) -> Command {
    let appendonly = match keeps {
        Keeps::Nothing => "no",
        Keeps::Everything => "yes",
    };
    let mut command = Command::new(program);
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--daemonize", "no"])
        .args(["--appendonly", appendonly, "--appendfsync", "always"])
        .arg("--dir")
        .arg(home.path());
    if let Some(Bus { port, node_timeout }) = bus {
        let node_timeout = node_timeout.as_millis().to_string();
        command
            .args(["--cluster-enabled", "yes"])
            .args(["--cluster-port", &port.to_string()])
            .args(["--cluster-node-timeout", &node_timeout]);
    }
    command
}

/// The id of the Redis process that answers on this port. A mere PING would not tell ours from
/// another that got the port first.
fn answering_process(port: u16) -> io::Result<u32> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"INFO server\r\nQUIT\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    answer
        .lines()
        .find_map(|line| line.strip_prefix("process_id:"))
        .and_then(|id| id.trim().parse().ok())
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}
