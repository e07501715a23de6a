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
use xtask::servers::redis_cluster::Layout;
use xtask::servers::say::{Answer, say, tell};
use xtask::servers::{Postgres, Redis, RedisCluster, Servers};
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
fn all_servers_answer_and_nothing_of_them_stays() {
    let servers = Servers::start(&Steps::default()).unwrap();
    let mut ports = vec![servers.postgres.port()];
    let mut processes = vec![servers.postgres.process_id()];
    let mut directories = vec![servers.postgres.directory().to_owned()];
    for redis in servers.redis_cluster.nodes().iter().chain([&servers.redis]) {
        ports.push(redis.port());
        processes.push(redis.process_id());
        directories.push(redis.directory().to_owned());
    }
    drop(connect_to_postgres(ports[0]));
    for port in &ports[1..] {
        drop(connect_to_redis(*port));
    }
    assert_eq!(ports.len(), 5);
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

/// `cargo xtask servers` as a person runs it, and the ports it printed: those of the cluster last.
fn run_servers_task() -> (Child, Vec<u16>) {
    let mut task = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("servers")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(task.stdout.take().unwrap()).lines();
    let mut ports = Vec::new();
    for name in [
        "COUNTERSIGN_TEST_POSTGRES=postgres://",
        "COUNTERSIGN_TEST_REDIS=redis://",
        "COUNTERSIGN_TEST_REDIS_CLUSTER=redis-cluster://",
    ] {
        let line = lines.next().unwrap().unwrap();
        let url = line.strip_prefix(name).unwrap();
        for node in url.split(',') {
            let digits = node.rsplit(':').next().unwrap();
            ports.push(digits.trim_end_matches("/postgres").parse().unwrap());
        }
    }
    assert_eq!(ports.len(), 5);
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
    let redis: Vec<TcpStream> = ports[1..]
        .iter()
        .map(|port| connect_to_redis(*port))
        .collect();
    task.kill().unwrap();
    task.wait().unwrap();
    wait_for_end(postgres);
    redis.into_iter().for_each(wait_for_end);
}

/// The slot of `foo`, which the last of three nodes serves at first.
const FOO: u16 = 12_182;

fn start_cluster(layout: Layout) -> RedisCluster {
    let steps = Steps::default();
    let program = find_or_install(Server::Redis, &steps).unwrap();
    RedisCluster::laid_out(&program, layout, steps.interrupts()).unwrap()
}

#[test]
fn a_slot_is_moved_with_its_keys() {
    let cluster = start_cluster(Layout::default());
    let ports: Vec<u16> = cluster.nodes().iter().map(Redis::port).collect();
    assert_eq!(cluster.serving(FOO, 0).unwrap(), 2);
    tell(ports[2], &["SET", "foo", "1"]).unwrap();
    tell(ports[2], &["SET", "{foo}", "2"]).unwrap();

    cluster.begin_move(FOO, 2, 0).unwrap();
    let missing = say(ports[2], &["GET", "{foo}missing"]).unwrap();
    assert_eq!(
        missing,
        Answer::Error(format!("ASK {FOO} 127.0.0.1:{}", ports[0]))
    );
    assert_eq!(cluster.move_keys(FOO, 2, 0, 10).unwrap(), 2);
    assert_eq!(cluster.move_keys(FOO, 2, 0, 10).unwrap(), 0);
    cluster.end_move(FOO, 2, 0).unwrap();

    assert_eq!(tell(ports[0], &["GET", "foo"]).unwrap().text(), "1");
    let moved = say(ports[2], &["GET", "foo"]).unwrap().text();
    assert_eq!(moved, format!("MOVED {FOO} 127.0.0.1:{}", ports[0]));
}

#[test]
fn a_node_that_was_killed_comes_back_with_what_it_answered() {
    let mut cluster = start_cluster(Layout {
        is_durable: true,
        ..Layout::default()
    });
    let port = cluster.nodes()[2].port();
    tell(port, &["SET", "foo", "1"]).unwrap();
    cluster.nodes_mut()[2].kill();
    assert_gone(port);
    let quiet = Interrupts::default();
    cluster.nodes_mut()[2].restart_at_once(&quiet).unwrap();
    cluster.wait_until_whole(&quiet).unwrap();
    assert_eq!(tell(port, &["GET", "foo"]).unwrap().text(), "1");
}

#[test]
fn a_replica_follows_the_primary_that_it_was_given() {
    let cluster = start_cluster(Layout {
        replicas: 1,
        ..Layout::default()
    });
    let nodes = cluster.nodes();
    assert_eq!(nodes.len(), 6);
    for (primary, replica) in nodes[..3].iter().zip(&nodes[3..]) {
        let told = tell(replica.port(), &["INFO", "replication"]).unwrap();
        let follows = format!("master_port:{}\r", primary.port());
        assert!(told.text().contains(&follows));
    }
}
