//! Addresses of stores.

use std::fmt;
use std::str::FromStr;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

use crate::connect::Node;

/// The longest prefix, in bytes.
const MAX_PREFIX_BYTES: usize = 40;

const DEFAULT_PORT: u16 = 6379;

/// What the names of all keys of one store begin with: letters, digits, `-` and `_`, up to 40 of them.
/// Several stores with different prefixes may share a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

/// A text that cannot be a prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` cannot be the prefix of a store, expected 1 to {MAX_PREFIX_BYTES} letters, digits, `-` or `_`"
)]
pub struct PrefixError {
    found: String,
}

impl Prefix {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self("countersign".to_owned())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=MAX_PREFIX_BYTES).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PrefixError {
                found: text.chars().take(64).collect(),
            })
        }
    }
}

/// A `redis://USER:PASSWORD@HOST:PORT/DATABASE` address of a server, or a
/// `redis-cluster://USER:PASSWORD@HOST:PORT,HOST:PORT` address of a cluster by some of its nodes, with
/// `?prefix=NAME` where the names of the store's keys do not begin with `countersign`.
#[derive(Clone)]
pub struct RedisUrl {
    place: Place,
    prefix: Prefix,
}

/// What an address leads to.
#[derive(Clone)]
pub(crate) enum Place {
    /// One server.
    Server(ConnectionInfo),
    /// A cluster: nodes that know the others, and who asks.
    Cluster {
        seeds: Vec<Node>,
        settings: RedisConnectionInfo,
    },
}

/// An address that names no Redis server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// It is no such address at all.
    #[error(
        "the address names no Redis server, expected `redis://HOST`, `redis://USER:PASSWORD@HOST:PORT/DATABASE`, `redis-cluster://USER:PASSWORD@HOST:PORT,HOST:PORT` or one of them with `?prefix=NAME`: {problem}"
    )]
    Malformed {
        /// What is wrong with it; never the password.
        problem: String,
    },
    /// It has a parameter that means nothing here.
    #[error("`{found}` is not a parameter of a Redis address, expected `prefix=NAME`, once")]
    Parameter {
        /// The name of the parameter.
        found: String,
    },
    /// Its prefix cannot be used.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
}

impl RedisUrl {
    /// What the names of the store's keys begin with.
    #[must_use]
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// The same server or cluster, under another prefix.
    pub(crate) fn under(&self, prefix: Prefix) -> Self {
        Self {
            place: self.place.clone(),
            prefix,
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;
    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        let (address, parameters) = text.split_once('?').unwrap_or((text, ""));
        let place = match address.split_once("://") {
            Some(("redis", _)) => Place::Server(server(address)?),
            Some(("redis-cluster", rest)) => cluster(rest)?,
            Some(_) | None => return Err(malformed("another scheme")),
        };
        let mut prefix = None;
        for parameter in parameters.split('&').filter(|one| !one.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name != "prefix" || prefix.is_some() {
                return Err(RedisUrlError::Parameter {
                    found: name.chars().take(64).collect(),
                });
            }
            prefix = Some(value.parse()?);
        }
        Ok(Self {
            place,
            prefix: prefix.unwrap_or_default(),
        })
    }
}

fn malformed(problem: &str) -> RedisUrlError {
    RedisUrlError::Malformed {
        problem: problem.to_owned(),
    }
}

fn server(address: &str) -> Result<ConnectionInfo, RedisUrlError> {
    // The driver's words may repeat parts of the address, and so the password.
    address.into_connection_info().map_err(|_| {
        malformed("its host, port or database number does not read as such, or is missing")
    })
}

/// Reads what stands behind the scheme: each node as if it were the only one.
fn cluster(address: &str) -> Result<Place, RedisUrlError> {
    let (user, nodes) = match address.rsplit_once('@') {
        // Between one node and the next there is none.
        Some((user, _)) if user.contains('@') => {
            return Err(malformed(
                "a user stands before all nodes, and an `@` in a password is `%40`",
            ));
        }
        Some((user, nodes)) => (format!("{user}@"), nodes),
        None => (String::new(), address),
    };
    let (nodes, database) = nodes.split_once('/').unwrap_or((nodes, ""));
    if !matches!(database, "" | "0") {
        return Err(malformed("a cluster has no other database than 0"));
    }
    let mut settings = RedisConnectionInfo::default();
    let mut seeds = Vec::new();
    for node in nodes.split(',') {
        let server = server(&format!("redis://{user}{node}"))?;
        let ConnectionAddr::Tcp(host, port) = server.addr() else {
            return Err(malformed("a node of a cluster is a host and a port"));
        };
        seeds.push(Node::new(host, *port));
        settings = server.redis_settings().clone();
    }
    Ok(Place::Cluster { seeds, settings })
}

/// Without the password.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Server(server) => {
                f.write_str("redis://")?;
                let settings = server.redis_settings();
                write_user(settings, f)?;
                if let ConnectionAddr::Tcp(host, DEFAULT_PORT) = server.addr() {
                    f.write_str(host)?;
                } else {
                    write!(f, "{}", server.addr())?;
                }
                if settings.db() != 0 {
                    write!(f, "/{}", settings.db())?;
                }
            }
            Place::Cluster { seeds, settings } => {
                f.write_str("redis-cluster://")?;
                write_user(settings, f)?;
                for (place, seed) in seeds.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { "," })?;
                    match seed.port() {
                        DEFAULT_PORT => f.write_str(&seed.written_host())?,
                        _ => seed.fmt(f)?,
                    }
                }
            }
        }
        if self.prefix != Prefix::default() {
            write!(f, "?prefix={}", self.prefix)?;
        }
        Ok(())
    }
}

fn write_user(settings: &RedisConnectionInfo, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match settings.username() {
        Some(user) => write!(f, "{user}@"),
        None => Ok(()),
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisUrl")
            .field(&format_args!("{self}"))
            .finish()
    }
}

/// Equal addresses name the same store; different ones may, too.
impl PartialEq for RedisUrl {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for RedisUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_name_a_prefix_and_never_tells_its_password() {
        let url: RedisUrl = "redis://app:secret@cache:6380/3?prefix=gate"
            .parse()
            .unwrap();
        assert_eq!(url.to_string(), "redis://app@cache:6380/3?prefix=gate");
        assert!(!format!("{url:?}").contains("secret"));
        assert_eq!(url.prefix().as_str(), "gate");
        let url: RedisUrl = "redis://localhost".parse().unwrap();
        assert_eq!(url.to_string(), "redis://localhost");
        assert_eq!(url.prefix().as_str(), "countersign");
    }

    #[test]
    fn a_cluster_goes_by_the_nodes_that_are_named() {
        let told = |text: &str| text.parse::<RedisUrl>().unwrap().to_string();
        for (text, expected) in [
            ("redis-cluster://a", "redis-cluster://a"),
            (
                "redis-cluster://a:6379,b:7000/0",
                "redis-cluster://a,b:7000",
            ),
            (
                "redis-cluster://app:s%2Cecret@[::1]:7000,127.0.0.1?prefix=gate",
                "redis-cluster://app@[::1]:7000,127.0.0.1?prefix=gate",
            ),
        ] {
            assert_eq!(told(text), expected);
            assert_eq!(told(expected), expected);
        }
        let cluster: RedisUrl = "redis-cluster://a".parse().unwrap();
        assert_ne!(cluster, "redis://a".parse().unwrap());
        let url: RedisUrl = "redis-cluster://app:s%2Cecret@a,b".parse().unwrap();
        let Place::Cluster { seeds, settings } = url.place() else {
            panic!("{url}")
        };
        assert_eq!(seeds.len(), 2);
        assert_eq!(settings.username(), Some("app"));
        assert_eq!(settings.password(), Some("s,ecret"));
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        for text in [
            "",
            "sqlite://x",
            "redis://",
            "redis://u:secret@h:port",
            "redis://u:secret@h/database",
            "redis://u:secret@h?prefix=",
            "redis://u:secret@h?prefix=a:b",
            "redis://u:secret@h?prefix=a&prefix=b",
            "redis://u:secret@h?protocol=resp3",
            "redis://u:secret@h?db=1",
            "redis-cluster://",
            "redis-cluster://u:secret@",
            "redis-cluster://u:secret@h,",
            "redis-cluster://u:secret@h,,i",
            "redis-cluster://u:secret@h:port",
            "redis-cluster://u:secret@h,v:secret@i",
            "redis-cluster://u:secret@h/1",
            "redis-cluster://u:secret@h/0/0",
            "redis-cluster://u:secret@h?prefix=a:b",
            "redis-cluster://u:secret@h?db=1",
        ] {
            let error = text.parse::<RedisUrl>().unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
