//! Against nodes that answer what a test wants them to.

use std::sync::{Arc, Mutex};

use countersign_ports::PortErrorKind;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::RedisUrl;
use crate::connect::Link;

/// Two nodes, each of which serves half of the slots: `bar` is at the first, `foo` at the second.
struct Nodes {
    ports: [u16; 2],
    /// What each was told, but for what connections and topologies are made with.
    told: [Arc<Mutex<Vec<String>>>; 2],
}

/// What a node answers to a command; nothing where it ends the connection instead.
type Answer = fn(ports: [u16; 2], command: &str) -> Option<String>;

impl Nodes {
    async fn that_answer(answers: [Answer; 2]) -> Self {
        let mut listeners = Vec::new();
        for _ in 0..2 {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let port = |at: usize| listeners[at].local_addr().unwrap().port();
        let nodes = Self {
            ports: [port(0), port(1)],
            told: Default::default(),
        };
        for ((listener, answer), told) in listeners.into_iter().zip(answers).zip(&nodes.told) {
            let (ports, told) = (nodes.ports, Arc::clone(told));
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, ports, answer, Arc::clone(&told)));
                }
            });
        }
        nodes
    }

    fn link(&self) -> Link {
        let url = format!("redis-cluster://127.0.0.1:{}", self.ports[0]);
        Link::new(&url.parse::<RedisUrl>().unwrap(), "test").unwrap()
    }

    fn told(&self, node: usize) -> Vec<String> {
        self.told[node].lock().unwrap().clone()
    }
}

async fn serve(
    stream: TcpStream,
    ports: [u16; 2],
    answer: Answer,
    told: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let (from, mut to) = stream.into_split();
    let mut from = BufReader::new(from);
    loop {
        let command = command(&mut from).await?;
        let said = match &*command {
            "CLUSTER SLOTS" => slots(ports),
            setting if setting.starts_with("CLIENT ") => "+OK\r\n".to_owned(),
            _ => {
                told.lock().unwrap().push(command.clone());
                answer(ports, &command)?
            }
        };
        to.write_all(said.as_bytes()).await.ok()?;
    }
}

/// The next command, its words with spaces in between.
async fn command(from: &mut BufReader<OwnedReadHalf>) -> Option<String> {
    let mut words = Vec::new();
    for _ in 0..number(from, '*').await? {
        let mut word = vec![0; number(from, '$').await? + 2];
        from.read_exact(&mut word).await.ok()?;
        words.push(String::from_utf8(word).ok()?.trim_end().to_owned());
    }
    Some(words.join(" "))
}

async fn number(from: &mut BufReader<OwnedReadHalf>, kind: char) -> Option<usize> {
    let mut line = String::new();
    from.read_line(&mut line).await.ok()?;
    line.strip_prefix(kind)?.trim_end().parse().ok()
}

fn slots(ports: [u16; 2]) -> String {
    let range = |first: u16, last: u16, port: u16| {
        format!("*3\r\n:{first}\r\n:{last}\r\n*3\r\n$0\r\n\r\n:{port}\r\n$1\r\nn\r\n")
    };
    let [one, other] = ports;
    format!(
        "*2\r\n{}{}",
        range(0, 8191, one),
        range(8192, 16_383, other)
    )
}

fn get(key: &str) -> Call {
    Call::command("GET", key.to_owned())
}

fn set(key: &str) -> Call {
    Call::change("SET", key.to_owned()).arg("1")
}

#[expect(clippy::unnecessary_wraps, reason = "others end the connection")]
fn ok(_: [u16; 2], _: &str) -> Option<String> {
    Some("+OK\r\n".to_owned())
}

fn kinds(answers: Vec<PortResult<Value>>) -> Vec<Option<PortErrorKind>> {
    let kind = |answer: PortResult<Value>| answer.err().map(|error| error.kind());
    answers.into_iter().map(kind).collect()
}

#[tokio::test]
async fn each_call_of_a_lost_node_says_for_itself_whether_it_may_have_run() {
    let nodes = Nodes::that_answer([|_, _| None, ok]).await;
    let calls = [get("bar"), set("bar"), set("foo"), get("foo")];
    let answers = nodes.link().call_each("test", &calls).await.unwrap();
    let [reads, writes] = [PortErrorKind::Unavailable, PortErrorKind::CommitUnknown];
    assert_eq!(kinds(answers), [Some(reads), Some(writes), None, None]);
    assert_eq!(nodes.told(0), ["GET bar"], "nothing is sent again");
    assert_eq!(nodes.told(1), ["SET foo 1", "GET foo"]);
}

#[tokio::test]
async fn asking_stands_right_before_the_call_that_it_is_for() {
    let busy: Answer = |[_, other], command| {
        Some(match command {
            "SET bar 1" => format!("-ASK 5061 127.0.0.1:{other}\r\n"),
            _ => "$1\r\n1\r\n".to_owned(),
        })
    };
    let nodes = Nodes::that_answer([busy, ok]).await;
    let calls = [get("bar"), set("bar"), get("foo"), set("bar")];
    let answers = nodes.link().call_each("test", &calls).await.unwrap();
    assert_eq!(kinds(answers), [None; 4]);
    let asked = ["ASKING", "SET bar 1"];
    assert_eq!(nodes.told(1), [&["GET foo"], &asked[..], &asked].concat());
    assert_eq!(nodes.told(0), ["GET bar", "SET bar 1", "SET bar 1"]);
}

#[tokio::test]
async fn nodes_that_send_a_call_to_and_fro_are_not_followed_for_ever() {
    let one: Answer = |[_, other], _| Some(format!("-MOVED 5061 127.0.0.1:{other}\r\n"));
    let other: Answer = |[one, _], command| match command {
        "SET bar 1" => Some(format!("-MOVED 5061 127.0.0.1:{one}\r\n")),
        _ => ok([0; 2], command),
    };
    let nodes = Nodes::that_answer([one, other]).await;
    let calls = [set("bar"), set("foo")];
    let answers = nodes.link().call_each("test", &calls).await.unwrap();
    assert_eq!(kinds(answers), [Some(PortErrorKind::Unavailable), None]);
    assert_eq!(nodes.told(1)[0], "SET foo 1");
    assert!(nodes.told(0).len() < 20, "{:?}", nodes.told(0));
}

#[tokio::test]
async fn where_no_node_says_who_serves_what_nothing_was_sent() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis-cluster://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let link = Link::new(&url.parse::<RedisUrl>().unwrap(), "test").unwrap();
    let error = link.call_each("test", &[set("foo")]).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Unavailable);
}
