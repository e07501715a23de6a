//! A private Redis (or Valkey) server.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
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
    process: Process,
    port: u16,
}

impl Redis {
    /// Starts an empty server that keeps nothing on disk, on a free port.
    ///
    /// # Errors
    /// It did not come up, or somebody asked the task to stop.
    pub fn start(program: &Path, interrupts: &Interrupts) -> Result<Self, Error> {
        on_a_free_port(|port| Self::start_on(program, port, interrupts))
    }

    /// Starts an empty server that keeps nothing on disk, on this port.
    ///
    /// # Errors
    /// [`Error::PortTaken`]; it did not come up; or somebody asked the task to stop.
    pub fn start_on(program: &Path, port: u16, interrupts: &Interrupts) -> Result<Self, Error> {
        let home = Home::new("redis", None)?;
        let mut command = Command::new(program);
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .arg("--dir")
            .arg(home.path());
        let title = Server::Redis.title();
        // With nothing to save there is nothing that a gentler signal would spare.
        let mut process = Process::spawn(title, &mut command, home, Signal::SIGKILL)?;
        process.wait_until(interrupts, port, |process| {
            answering_process(port).is_ok_and(|id| id == process.id())
        })?;
        Ok(Self { process, port })
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
