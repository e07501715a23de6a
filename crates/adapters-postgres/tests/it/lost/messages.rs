//! The boundaries of PostgreSQL's messages, and the few that the proxy must know.
//!
//! See <https://www.postgresql.org/docs/current/protocol-message-formats.html>. After the client's first
//! message, which has no kind, each is a byte that says what it is, four that say how long the rest is, and
//! the rest.

use std::collections::HashSet;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One whole message.
pub(super) struct Message {
    /// What it is; none for the client's first.
    kind: Option<u8>,
    bytes: Vec<u8>,
    /// Whether it belongs to a transaction of the client's, from its BEGIN to its end.
    in_transaction: bool,
    /// Whether it executes a call that commits by itself.
    is_call: bool,
    /// Whether it belongs to a statement, from its being parsed or bound to its sync.
    in_statement: bool,
}

/// What is called where a statement commits by itself.
const CALLS: [&[u8]; 4] = [
    b".queue_runs(",
    b".begin_runs(",
    b".finish_plainly(",
    b".apply_alone(",
];

impl Message {
    /// A message that the proxy makes up.
    pub(super) fn new(kind: u8, rest: &[u8]) -> Self {
        let length = u32::try_from(rest.len() + 4).unwrap();
        let bytes = [&[kind], &length.to_be_bytes()[..], rest].concat();
        Self {
            kind: Some(kind),
            bytes,
            in_transaction: false,
            is_call: false,
            in_statement: false,
        }
    }

    fn rest(&self) -> &[u8] {
        match self.kind {
            Some(_) => &self.bytes[5..],
            None => &self.bytes[4..],
        }
    }

    fn asks(&self, words: &[u8]) -> bool {
        self.kind == Some(b'Q') && self.rest().starts_with(words)
    }

    /// Whether the server commits by it; of a call, with the sync that follows.
    pub(super) fn is_commit(&self) -> bool {
        self.is_call || self.asks(b"COMMIT\0")
    }

    pub(super) fn is_call(&self) -> bool {
        self.is_call
    }

    pub(super) fn is_sync(&self) -> bool {
        self.kind == Some(b'S')
    }

    /// The texts that it begins with.
    fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.rest().split(|byte| *byte == 0)
    }

    pub(super) fn is_listen(&self) -> bool {
        self.asks(b"LISTEN ")
    }

    /// Whether it belongs to a transaction of the client's or to a statement that is one by itself.
    pub(super) fn is_of_work(&self) -> bool {
        self.in_transaction || self.in_statement
    }

    pub(super) fn is_notification(&self) -> bool {
        self.kind == Some(b'A')
    }

    pub(super) fn is_ready_for_query(&self) -> bool {
        self.kind == Some(b'Z')
    }

    /// Whether it says that a command was done.
    pub(super) fn says_that_a_command_is_done(&self) -> bool {
        self.kind == Some(b'C')
    }

    /// Whether it says that this command was done.
    pub(super) fn says_done(&self, command: &[u8]) -> bool {
        self.kind == Some(b'C') && self.rest().strip_suffix(&[0]) == Some(command)
    }
}

/// One end of a line, read a message at a time.
pub(super) struct End {
    stream: TcpStream,
    read: Vec<u8>,
    /// Whether the next message is a client's first.
    first: bool,
    in_transaction: bool,
    in_statement: bool,
    /// Names of prepared statements that are calls.
    calls: HashSet<Vec<u8>>,
    /// Whether the statement that was bound last is one of them.
    calls_next: bool,
}

impl End {
    pub(super) fn client(stream: TcpStream) -> Self {
        // As either side has it: messages are small, and somebody waits for each.
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            read: Vec::new(),
            first: true,
            in_transaction: false,
            in_statement: false,
            calls: HashSet::new(),
            calls_next: false,
        }
    }

    pub(super) fn server(stream: TcpStream) -> Self {
        Self {
            first: false,
            ..Self::client(stream)
        }
    }

    /// The next message; none when the other side has hung up. What was read of a message is kept where a
    /// call is dropped.
    pub(super) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.take() {
                return Some(message);
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(0) | Err(_) => return None,
                Ok(_more) => {}
            }
        }
    }

    fn take(&mut self) -> Option<Message> {
        let kind_size = usize::from(!self.first);
        let length = self.read.get(kind_size..kind_size + 4)?;
        let length = u32::from_be_bytes(length.try_into().unwrap());
        let size = kind_size + usize::try_from(length).unwrap();
        if self.read.len() < size {
            return None;
        }
        let bytes: Vec<u8> = self.read.drain(..size).collect();
        let kind = (!self.first).then(|| bytes[0]);
        self.first = false;
        let mut message = Message {
            kind,
            bytes,
            in_transaction: self.in_transaction,
            is_call: false,
            in_statement: self.in_statement || matches!(kind, Some(b'P' | b'B')),
        };
        // A sync by itself only asks whether the other side is there.
        self.in_statement = message.in_statement && !message.is_sync();
        self.note_calls(&mut message);
        message.in_transaction |= message.asks(b"BEGIN ");
        let ends = message.is_commit() || message.asks(b"ROLLBACK\0");
        self.in_transaction = message.in_transaction && !ends;
        Some(message)
    }

    fn note_calls(&mut self, message: &mut Message) {
        match message.kind {
            // Its name, and the statement.
            Some(b'P') => {
                let mut texts = message.texts();
                let (name, statement) = (texts.next().unwrap(), texts.next().unwrap());
                let calls =
                    |call: &&[u8]| statement.windows(call.len()).any(|words| words == *call);
                if CALLS.iter().any(calls) {
                    self.calls.insert(name.to_vec());
                }
            }
            // The portal, and the statement's name.
            Some(b'B') => {
                let name = message.texts().nth(1).unwrap();
                self.calls_next = self.calls.contains(name);
            }
            Some(b'E') => message.is_call = self.calls_next && !message.in_transaction,
            _ => {}
        }
    }

    /// Whether the message could be sent.
    pub(super) async fn send(&mut self, message: &Message) -> bool {
        self.stream.write_all(&message.bytes).await.is_ok()
    }
}
