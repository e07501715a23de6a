//! What the server says of itself.

use std::collections::HashMap;

use countersign_ports::{PortError, PortErrorKind, PortResult, RetryClass};
use redis::Value;

use crate::connect::Link;
use crate::error::no_cluster;
use crate::rows::optional_text;
use crate::script::Call;

/// The oldest version whose scripts look for memory and a disk before they begin.
const OLDEST: u64 = 7;

/// The answer to `INFO`, by field.
pub(super) struct Server(HashMap<String, String>);

impl Server {
    /// A user who may not ask is told nothing: what is not known is not refused.
    pub(super) async fn ask(link: &Link, operation: &'static str) -> PortResult<Self> {
        Self::answered(link.call(operation, info()).await, operation)
    }

    /// Asks every server that takes changes. A node of a cluster that does not answer is left out.
    pub(super) async fn ask_each(
        link: &Link,
        operation: &'static str,
    ) -> PortResult<Vec<(String, Self)>> {
        let mut servers = Vec::new();
        for (node, answer) in link.ask_each_primary(operation, info).await? {
            match Self::answered(answer, operation) {
                Ok(server) => servers.push((node, server)),
                Err(error) if link.is_a_cluster() && error.retry() == RetryClass::Later => {}
                Err(error) => return Err(error),
            }
        }
        Ok(servers)
    }

    fn answered(answer: PortResult<Value>, operation: &'static str) -> PortResult<Self> {
        let answer = match answer {
            Ok(value) => optional_text(value, "what the server says of itself", operation)?,
            Err(error) if error.kind() == PortErrorKind::Refused => None,
            Err(error) => return Err(error),
        };
        Ok(Self::read(&answer.unwrap_or_default()))
    }

    pub(super) fn read(info: &str) -> Self {
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

    pub(super) fn is_a_node(&self) -> bool {
        self.says("cluster_enabled") == Some("1")
    }

    pub(super) fn is_a_replica(&self) -> bool {
        self.says("role") == Some("slave")
    }

    /// Refuses a server that scripts cannot run on as they must, and one of another kind than its address.
    pub(super) fn require_fit(&self, as_cluster: bool, operation: &'static str) -> PortResult<()> {
        let refused = |detail| Err(PortError::new(PortErrorKind::Refused, operation, detail));
        if self.is_too_old() {
            return refused("the server is older than Redis 7.0, upgrade it");
        }
        match (self.says("cluster_enabled"), as_cluster) {
            (Some("1"), false) => {
                return refused(
                    "the server is a node of a cluster, write its address as `redis-cluster://HOST`",
                );
            }
            (Some("0"), true) => return Err(no_cluster(operation)),
            (Some(_) | None, _) => {}
        }
        if self.is_a_replica() {
            return refused("the server is a replica, use the address of its master");
        }
        Ok(())
    }
}

fn info() -> Call {
    Call::bare("INFO")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(info: &str, as_cluster: bool) -> Result<(), String> {
        let fit = Server::read(info).require_fit(as_cluster, "open");
        fit.map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_that_scripts_cannot_run_on_is_refused() {
        let alone = |info: &str| fit(info, false).is_ok();
        assert!(alone(
            "# Server\r\nredis_version:7.0.15\r\nrole:master\r\ncluster_enabled:0\r\n"
        ));
        assert!(alone("redis_version:10.0.0\r\n"));
        assert!(alone(""), "what is not known is not refused");
        assert!(!alone("redis_version:6.2.14\r\n"));
        assert!(!alone("redis_version:7.4.0\r\nrole:slave\r\n"));
    }

    #[test]
    fn a_server_of_another_kind_than_its_address_is_refused_with_the_right_one() {
        let (alone, node) = ("cluster_enabled:0\r\n", "cluster_enabled:1\r\n");
        assert_eq!(fit(alone, false), Ok(()));
        assert_eq!(fit(node, true), Ok(()));
        assert_eq!(fit("", true), Ok(()), "what is not known is not refused");
        assert!(fit(node, false).unwrap_err().contains("`redis-cluster://"));
        assert!(fit(alone, true).unwrap_err().contains("`redis://"));
    }
}
