//! The nodes of a cluster, by their addresses.

use std::fmt;
use std::sync::Arc;

/// Where a node is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    host: Arc<str>,
    port: u16,
}

impl Node {
    pub(crate) fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// As `HOST:PORT` in an answer. A node that does not know its own name leaves it out: it goes by that
    /// under which it was `asked`.
    pub(super) fn told(text: &str, asked: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        Self::named(host, port.parse().ok()?, asked)
    }

    /// The same of a name and a port that stand apart.
    pub(super) fn named(host: &str, port: u16, asked: &Self) -> Option<Self> {
        let host = match host {
            "" | "?" => Arc::clone(&asked.host),
            host => host.into(),
        };
        (port != 0).then_some(Self { host, port })
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The host as it stands in addresses.
    pub(crate) fn written_host(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.to_string(),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.written_host(), self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_a_name_goes_by_that_under_which_it_was_asked() {
        let asked = Node::new("cache", 7000);
        for (text, expected) in [
            ("10.0.0.2:7001", Some("10.0.0.2:7001")),
            (":7001", Some("cache:7001")),
            ("?:7001", Some("cache:7001")),
            ("::1:7001", Some("[::1]:7001")),
            ("cache:0", None),
            ("cache", None),
            ("cache:port", None),
        ] {
            let told = Node::told(text, &asked).map(|node| node.to_string());
            assert_eq!(told.as_deref(), expected, "{text}");
        }
    }
}
