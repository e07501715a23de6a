//! What the server says of itself.

use std::collections::HashMap;

use countersign_ports::{PortError, PortErrorKind, PortResult};

use crate::connect::Link;
use crate::rows::optional_text;
use crate::script::Call;

/// The oldest version whose scripts look for memory and a disk before they begin.
const OLDEST: u64 = 7;

/// The answer to `INFO`, by field.
pub(super) struct Server(HashMap<String, String>);

impl Server {
    /// A user who may not ask is told nothing: what is not known is not refused.
    pub(super) async fn ask(link: &Link, operation: &'static str) -> PortResult<Self> {
        let answer = match link.call(operation, Call::bare("INFO")).await {
            Ok(value) => optional_text(value, "what the server says of itself", operation)?,
            Err(error) if error.kind() == PortErrorKind::Refused => None,
            Err(error) => return Err(error),
        };
        Ok(Self::read(&answer.unwrap_or_default()))
    }

    fn read(info: &str) -> Self {
        let field = |line: &str| {
            let (name, value) = line.trim_end().split_once(':')?;
            Some((name.to_owned(), value.to_owned()))
        };
        Self(info.lines().filter_map(field).collect())
    }

    /// What it says of a field; nothing where it does not know it, or may not say.
    pub(super) fn says(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// The same as a number.
    pub(super) fn number(&self, field: &str) -> Option<u64> {
        self.says(field)?.parse().ok()
    }

    pub(super) fn is_too_old(&self) -> bool {
        let major = self.says("redis_version").and_then(|version| {
            let (major, _) = version.split_once('.')?;
            major.parse::<u64>().ok()
        });
        major.is_some_and(|major| major < OLDEST)
    }

    pub(super) fn is_a_cluster(&self) -> bool {
        self.says("cluster_enabled") == Some("1")
    }

    pub(super) fn is_a_replica(&self) -> bool {
        self.says("role") == Some("slave")
    }

    /// Refuses a server that scripts cannot run on as they must.
    pub(super) fn require_fit(&self, operation: &'static str) -> PortResult<()> {
        let refused = |detail| Err(PortError::new(PortErrorKind::Refused, operation, detail));
        if self.is_too_old() {
            return refused("the server is older than Redis 7.0, upgrade it");
        }
        if self.is_a_cluster() {
            return refused("the server is a node of a cluster, which this version does not use");
        }
        if self.is_a_replica() {
            return refused("the server is a replica, use the address of its master");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_scripts_cannot_run_on_is_refused() {
        let fit = |info: &str| Server::read(info).require_fit("open").is_ok();
        assert!(fit(
            "# Server\r\nredis_version:7.0.15\r\nrole:master\r\ncluster_enabled:0\r\n"
        ));
        assert!(fit("redis_version:10.0.0\r\n"));
        assert!(fit(""), "what is not known is not refused");
        assert!(!fit("redis_version:6.2.14\r\n"));
        assert!(!fit("redis_version:7.4.0\r\nrole:slave\r\n"));
        assert!(!fit("redis_version:7.4.0\r\ncluster_enabled:1\r\n"));
    }
}
