//! Revisions: what a fence compares.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::WorkspaceId;

/// The revision of one scope: a counter that every change raises, and a nonce drawn afresh with it.
///
/// Equality compares both, so that a store restored from a backup cannot repeat a revision that it
/// has already handed out (fence protocol, step 2). Written as `counter-nonce`, the nonce as 32
/// hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision {
    counter: u64,
    nonce: u128,
}

/// A text that is no revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a revision, expected a counter, `-`, and 32 hexadecimal digits")]
pub struct RevisionError {
    found: String,
}

impl Revision {
    /// The revision with that counter and nonce.
    #[must_use]
    pub const fn new(counter: u64, nonce: u128) -> Self {
        Self { counter, nonce }
    }

    /// How many changes the scope has seen; meaningful only within one store's unbroken history.
    #[must_use]
    pub const fn counter(self) -> u64 {
        self.counter
    }

    /// The part that no two revisions share.
    #[must_use]
    pub const fn nonce(self) -> u128 {
        self.nonce
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:032x}", self.counter, self.nonce)
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Revision {
    type Err = RevisionError;
    fn from_str(text: &str) -> Result<Self, RevisionError> {
        let refused = || RevisionError {
            found: text.chars().take(64).collect(),
        };
        let (counter, nonce) = text.split_once('-').ok_or_else(refused)?;
        if nonce.len() != 32 || !nonce.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refused());
        }
        Ok(Self {
            counter: counter.parse().map_err(|_| refused())?,
            nonce: u128::from_str_radix(nonce, 16).map_err(|_| refused())?,
        })
    }
}

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A scope (a workspace) at one revision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ScopeRevision {
    /// The scope.
    pub workspace: WorkspaceId,
    /// Its revision.
    pub revision: Revision,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_round_trip_and_compare_both_parts() {
        let revision = Revision::new(7, 0xabc);
        assert_eq!(revision.to_string().parse(), Ok(revision));
        assert_eq!((revision.counter(), revision.nonce()), (7, 0xabc));
        let shown = "7-00000000000000000000000000000abc";
        assert_eq!(
            (&*format!("{revision}"), &*format!("{revision:?}")),
            (shown, shown)
        );
        assert_ne!(revision, Revision::new(7, 0xabd));
        assert_ne!(revision, Revision::new(8, 0xabc));
        for text in [
            "",
            "7",
            "7-",
            "7-abc",
            "-1-00000000000000000000000000000000",
        ] {
            assert!(text.parse::<Revision>().is_err(), "{text}");
        }
    }
}
