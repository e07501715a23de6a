//! Redis servers: the one that the test run was given, and some that are a test's own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use xtask::interrupts::Interrupts;
use xtask::programs::{Search, Server, directories, search};
use xtask::servers::Redis;
use xtask::servers::say::tell;

/// Where the test server is.
pub(crate) fn server() -> String {
    std::env::var("COUNTERSIGN_TEST_REDIS").expect(
        "COUNTERSIGN_TEST_REDIS, the address of a Redis server to test on: `cargo xtask test` starts one",
    )
}

/// A server that nobody else uses, and that has on disk whatever it answered.
pub(crate) fn start() -> Redis {
    match search(Server::Redis, &directories()) {
        Search::Found(program) => Redis::start_durable(&program, &Interrupts::default()).unwrap(),
        Search::Missing(too_old) => panic!("Redis is not installed: {too_old:?}"),
    }
}

/// Says one line to the server at an address, and answers with what it said.
pub(crate) fn say(url: &str, line: &str) -> String {
    let address = url.trim_start_matches("redis://");
    let mut stream = TcpStream::connect(address).unwrap();
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).unwrap();
    write!(stream, "{line}\r\nQUIT\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(!answer.starts_with('-'), "{line}: {answer}");
    answer
}

/// Where the nodes of the test cluster are.
pub(crate) fn cluster() -> String {
    std::env::var("COUNTERSIGN_TEST_REDIS_CLUSTER").expect(
        "COUNTERSIGN_TEST_REDIS_CLUSTER, the address of a Redis Cluster to test on: `cargo xtask test` starts one",
    )
}

/// Removes every key that has a part of its name in common, at each server that an address names.
pub(crate) fn remove(url: &str, part: &str) {
    const EACH: &str = "#!lua flags=allow-cross-slot-keys\n\
        for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('UNLINK', key) end";
    let (_, servers) = url.split_once("://").unwrap();
    for server in servers.split(',') {
        let (_, port) = server.rsplit_once(':').unwrap();
        let words = ["EVAL", EACH, "0", &format!("*{part}*")];
        tell(port.parse().unwrap(), &words).unwrap();
    }
}
