//! Versions as programs print them.

use std::fmt;
use std::process::Command;

/// The first two numbers of a version; later ones never matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number, zero where there is none.
    pub minor: u32,
}

impl Version {
    /// The version that follows `marker` in what a program printed.
    ///
    /// Betas and development versions (`17beta1`, `18devel`) count as their release.
    #[must_use]
    pub fn after(marker: &str, printed: &str) -> Option<Self> {
        let (_, version) = printed.split_once(marker)?;
        let (major, rest) = leading_number(version)?;
        let minor = rest
            .strip_prefix('.')
            .and_then(leading_number)
            .map_or(0, |(minor, _)| minor);
        Some(Self { major, minor })
    }

    /// The version that a command prints after `marker`; none if it fails or prints none.
    pub fn printed_by(command: &mut Command, marker: &str) -> Option<Self> {
        let output = command.output().ok()?;
        if !output.status.success() {
            return None;
        }
        Self::after(marker, &String::from_utf8_lossy(&output.stdout))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// The number that `text` begins with, and what follows it.
pub(crate) fn leading_number(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(major: u32, minor: u32) -> Option<Version> {
        Some(Version { major, minor })
    }

    #[test]
    fn postgres_versions_are_read() {
        let read = |printed| Version::after("(PostgreSQL) ", printed);
        assert_eq!(
            read("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n"),
            version(15, 20)
        );
        assert_eq!(read("postgres (PostgreSQL) 17beta1\n"), version(17, 0));
        assert_eq!(read("postgres (PostgreSQL) 9.6.24\n"), version(9, 6));
        assert_eq!(read("postgres: command not found"), None);
    }

    #[test]
    fn redis_and_valkey_versions_are_read() {
        let read = |printed| Version::after("v=", printed);
        assert_eq!(
            read("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"),
            version(7, 0)
        );
        assert_eq!(read("Valkey server v=8.1.4 sha=0:0"), version(8, 1));
        assert_eq!(read("v=seven"), None);
    }

    #[test]
    fn cargo_tool_versions_are_compared_by_number() {
        let read = |printed| Version::after("cargo-deny ", printed);
        assert!(read("cargo-deny 0.9.1") < read("cargo-deny 0.20.2"));
        assert!(read("cargo-deny 1.0.0") > read("cargo-deny 0.20.2"));
    }
}
