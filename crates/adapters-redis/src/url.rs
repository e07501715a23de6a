//! Addresses of stores.

use std::fmt;
use std::str::FromStr;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

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

/// A `redis://USER:PASSWORD@HOST:PORT/DATABASE` address, with `?prefix=NAME` where the names of the store's
/// keys do not begin with `countersign`.
#[derive(Clone)]
pub struct RedisUrl {
    server: ConnectionInfo,
    prefix: Prefix,
}

/// An address that names no Redis server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// It is no such address at all.
    #[error(
        "the address names no Redis server, expected `redis://HOST`, `redis://USER:PASSWORD@HOST:PORT/DATABASE` or one of them with `?prefix=NAME`: {problem}"
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

    pub(crate) fn server(&self) -> &ConnectionInfo {
        &self.server
    }
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;
    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        let malformed = |problem: &str| RedisUrlError::Malformed {
            problem: problem.to_owned(),
        };
        if !text.starts_with("redis://") {
            return Err(malformed("another scheme"));
        }
        let (address, parameters) = text.split_once('?').unwrap_or((text, ""));
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
        // The driver's words may repeat parts of the address, and so the password.
        let server = address.into_connection_info().map_err(|_| {
            malformed("its host, port or database number does not read as such, or is missing")
        })?;
        Ok(Self {
            server,
            prefix: prefix.unwrap_or_default(),
        })
    }
}

/// Without the password.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redis://")?;
        let settings = self.server.redis_settings();
        if let Some(user) = settings.username() {
            write!(f, "{user}@")?;
        }
        if let ConnectionAddr::Tcp(host, DEFAULT_PORT) = self.server.addr() {
            f.write_str(host)?;
        } else {
            write!(f, "{}", self.server.addr())?;
        }
        if settings.db() != 0 {
            write!(f, "/{}", settings.db())?;
        }
        if self.prefix != Prefix::default() {
            write!(f, "?prefix={}", self.prefix)?;
        }
        Ok(())
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
        ] {
            let error = text.parse::<RedisUrl>().unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
