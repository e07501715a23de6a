//! Talking to a Redis server: one command, one answer.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::Error;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A text, or a number as text.
    Text(String),
    /// Nothing.
    Nil,
    /// Several answers.
    List(Vec<Answer>),
    /// It did not do it.
    Error(String),
}

impl Answer {
    /// The texts in it, in their order.
    #[must_use]
    pub fn texts(self) -> Vec<String> {
        match self {
            Self::Text(text) | Self::Error(text) => vec![text],
            Self::Nil => Vec::new(),
            Self::List(answers) => answers.into_iter().flat_map(Self::texts).collect(),
        }
    }

    /// All of it as one text.
    #[must_use]
    pub fn text(self) -> String {
        self.texts().join(" ")
    }
}

/// Says something to the server on this port of 127.0.0.1, over a connection of its own.
///
/// # Errors
/// It cannot be reached, or what it answers does not read. That it refuses is an answer.
pub fn say(port: u16, words: &[&str]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.write_all(command.as_bytes())?;
    read(&mut BufReader::new(stream))
}

/// The same, where the server has to do it.
///
/// # Errors
/// As [`say`], and where it refuses.
pub fn tell(port: u16, words: &[&str]) -> Result<Answer, Error> {
    let answer = say(port, words).map_err(|source| Error::System {
        action: "talk to a Redis server",
        source,
    })?;
    match answer {
        Answer::Error(answer) => Err(Error::NotDone {
            port,
            command: words.join(" "),
            answer,
        }),
        Answer::Text(_) | Answer::Nil | Answer::List(_) => Ok(answer),
    }
}

fn read(from: &mut impl BufRead) -> io::Result<Answer> {
    let unreadable = || io::Error::from(io::ErrorKind::InvalidData);
    let mut line = String::new();
    from.read_line(&mut line)?;
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).ok_or_else(unreadable)?;
    let length = || rest.parse::<i64>().map_err(|_| unreadable());
    match kind {
        "+" | ":" => Ok(Answer::Text(rest.to_owned())),
        "-" => Ok(Answer::Error(rest.to_owned())),
        "$" => {
            let Ok(length) = u64::try_from(length()?) else {
                return Ok(Answer::Nil);
            };
            let mut text = Vec::new();
            from.take(length).read_to_end(&mut text)?;
            from.take(2).read_to_end(&mut Vec::new())?;
            String::from_utf8(text)
                .map(Answer::Text)
                .map_err(|_| unreadable())
        }
        "*" => (0..length()?)
            .map(|_| read(from))
            .collect::<io::Result<_>>()
            .map(Answer::List),
        _ => Err(unreadable()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_every_kind_are_read_to_their_end() {
        let mut answers =
            b"+OK\r\n:7\r\n$2\r\n\r\n\r\n$-1\r\n*2\r\n$1\r\na\r\n*0\r\n-ERR no\r\n".as_slice();
        let text = |text: &str| Answer::Text(text.to_owned());
        for expected in [
            text("OK"),
            text("7"),
            text("\r\n"),
            Answer::Nil,
            Answer::List(vec![text("a"), Answer::List(Vec::new())]),
            Answer::Error("ERR no".to_owned()),
        ] {
            assert_eq!(read(&mut answers).unwrap(), expected);
        }
        assert!(read(&mut answers).is_err());
    }
}
