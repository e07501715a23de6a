//! The throwaway servers, really started: they answer, and nothing of them stays.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use xtask::Error;
use xtask::interrupts::Interrupts;
use xtask::packages::find_or_install;
use xtask::programs::Server;
use xtask::servers::{Postgres, Redis, Servers};
use xtask::steps::Steps;

/// Far longer than anything here takes; a test that hangs should say where.
const PATIENCE: Duration = Duration::from_secs(60);

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Logs in as the superuser; the server's first word is that this is fine.
fn connect_to_postgres(port: u16) -> TcpStream {
    let mut stream = connect(port);
    let parameters = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0";
    let length = u32::try_from(parameters.len() + 4).unwrap();
    stream.write_all(&length.to_be_bytes()).unwrap();
    stream.write_all(parameters).unwrap();
    let mut authentication_ok = [0; 9];
    stream.read_exact(&mut authentication_ok).unwrap();
    assert_eq!(&authentication_ok, b"R\0\0\0\x08\0\0\0\0");
    stream
}

fn connect_to_redis(port: u16) -> TcpStream {
    let mut stream = connect(port);
    stream.write_all(b"PING\r\n").unwrap();
    let mut pong = [0; 7];
    stream.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"+PONG\r\n");
    stream
}

/// Returns when the server has gone: only then is the connection at its end.
fn wait_for_end(mut connection: TcpStream) {
    match io::copy(&mut connection, &mut io::sink()) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
}

fn assert_gone(port: u16) {
    let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn both_servers_answer_and_nothing_of_them_stays() {
    let servers = Servers::start(&Steps::default()).unwrap();
    let ports = [servers.postgres.port(), servers.redis.port()];
    let processes = [servers.postgres.process_id(), servers.redis.process_id()];
    let directories = [servers.postgres.directory(), servers.redis.directory()].map(Path::to_owned);
    drop(connect_to_postgres(ports[0]));
    drop(connect_to_redis(ports[1]));
    assert!(directories.iter().all(|directory| directory.exists()));

    drop(servers);

    ports.into_iter().for_each(assert_gone);
    for id in processes {
        let pid = Pid::from_raw(i32::try_from(id).unwrap());
        assert_eq!(kill(pid, None), Err(nix::errno::Errno::ESRCH));
    }
    assert!(!directories.iter().any(|directory| directory.exists()));
}

#[test]
fn a_stopped_server_is_stopped_for_good() {
    let steps = Steps::default();
    let program = find_or_install(Server::Postgres, &steps).unwrap();
    let postgres = Postgres::start(&program, steps.interrupts()).unwrap();
    let port = postgres.port();
    let pid = Pid::from_raw(i32::try_from(postgres.process_id()).unwrap());
    kill(pid, Signal::SIGSTOP).unwrap();
    drop(postgres);
    assert_gone(port);
}

/// Runs a statement and returns the values that it answers with, one a row.
fn query_postgres(stream: &mut TcpStream, statement: &str) -> Vec<String> {
    let mut query = vec![b'Q'];
    let length = u32::try_from(statement.len() + 5).unwrap();
    query.extend(length.to_be_bytes());
    query.extend(statement.as_bytes());
    query.push(0);
    stream.write_all(&query).unwrap();
    let mut values = Vec::new();
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes(head[1..].try_into().unwrap());
        let mut rest = vec![0; usize::try_from(length - 4).unwrap()];
        stream.read_exact(&mut rest).unwrap();
        match head[0] {
            // One column: how many there are, then how long it is.
            b'D' => values.push(String::from_utf8(rest[6..].to_vec()).unwrap()),
            // What was left over from the login comes first.
            b'Z' if !values.is_empty() => return values,
            b'E' => panic!("{}", String::from_utf8_lossy(&rest)),
            _ => {}
        }
    }
}

#[test]
fn a_restarted_server_has_its_port_and_its_data_and_nobody_of_before() {
    let steps = Steps::default();
    let program = find_or_install(Server::Postgres, &steps).unwrap();
    let mut postgres = Postgres::start(&program, steps.interrupts()).unwrap();
    let port = postgres.port();
    let process = postgres.process_id();
    let mut before = connect_to_postgres(port);
    let told = query_postgres(
        &mut before,
        "CREATE TABLE kept AS SELECT 'whole' AS value; SELECT value FROM kept",
    );
    assert_eq!(told, ["whole"]);
    let open = "BEGIN; CREATE TABLE lost (value text); SELECT 'under way'";
    assert_eq!(query_postgres(&mut before, open), ["under way"]);

    postgres.restart_at_once(steps.interrupts()).unwrap();

    assert_eq!(postgres.port(), port);
    assert_ne!(postgres.process_id(), process);
    wait_for_end(before);
    let mut after = connect_to_postgres(port);
    let told = query_postgres(
        &mut after,
        "SELECT string_agg(relname, ' ') FROM pg_class WHERE relname IN ('kept', 'lost')",
    );
    assert_eq!(told, ["kept"]);

    drop(postgres);
    wait_for_end(after);
    assert_gone(port);
}

#[test]
fn a_taken_port_is_told_from_every_other_failure() {
    let steps = Steps::default();
    let quiet = Interrupts::default();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();

    let program = find_or_install(Server::Postgres, &steps).unwrap();
    let refused = Postgres::start_on(&program, port, &quiet).unwrap_err();
    assert!(matches!(refused, Error::PortTaken { port: p, .. } if p == port));

    let program = find_or_install(Server::Redis, &steps).unwrap();
    let refused = Redis::start_on(&program, port, &quiet).unwrap_err();
    assert!(matches!(refused, Error::PortTaken { port: p, .. } if p == port));

    let refused = Redis::start_on(Path::new("false"), port, &quiet).unwrap_err();
    assert!(matches!(refused, Error::ServerFailed { .. }));
}

/// `cargo xtask servers` as a person runs it, and the ports it printed.
fn run_servers_task() -> (Child, [u16; 2]) {
    let mut task = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("servers")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(task.stdout.take().unwrap()).lines();
    let mut port = |name: &str| {
        let line = lines.next().unwrap().unwrap();
        let url = line.strip_prefix(name).unwrap();
        let digits = url.rsplit(':').next().unwrap();
        digits.trim_end_matches("/postgres").parse().unwrap()
    };
    let ports = [
        port("COUNTERSIGN_TEST_POSTGRES=postgres://"),
        port("COUNTERSIGN_TEST_REDIS=redis://"),
    ];
    (task, ports)
}

#[test]
fn sigterm_stops_the_servers_before_the_task_ends() {
    let (mut task, ports) = run_servers_task();
    kill(
        Pid::from_raw(task.id().try_into().unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    assert_eq!(task.wait().unwrap().code(), Some(143));
    ports.into_iter().for_each(assert_gone);
}

#[test]
fn ctrl_c_is_the_ordinary_end_of_the_servers_task() {
    let (mut task, ports) = run_servers_task();
    kill(Pid::from_raw(task.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(task.wait().unwrap().code(), Some(0));
    ports.into_iter().for_each(assert_gone);
}

#[test]
fn servers_do_not_outlive_a_task_that_was_killed() {
    let (mut task, ports) = run_servers_task();
    let postgres = connect_to_postgres(ports[0]);
    let redis = connect_to_redis(ports[1]);
    task.kill().unwrap();
    task.wait().unwrap();
    wait_for_end(postgres);
    wait_for_end(redis);
}
