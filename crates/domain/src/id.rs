//! Identifiers: opaque text compared byte for byte, and UUIDs for what Countersign itself names.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use smol_str::SmolStr;
use uuid::Uuid;

/// The longest text id, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 128;

/// Why a piece of text or a UUID is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Text ids hold at least one byte.
    #[error("{what} is empty, expected 1 to {MAX_ID_BYTES} bytes of text")]
    Empty {
        /// Which kind of id was being read.
        what: &'static str,
    },
    /// Text ids hold at most [`MAX_ID_BYTES`].
    #[error("{what} is {bytes} bytes long, expected at most {MAX_ID_BYTES}")]
    TooLong {
        /// Which kind of id was being read.
        what: &'static str,
        /// The length found.
        bytes: usize,
    },
    /// Control characters (Unicode category Cc) are refused.
    #[error("{what} has the control character U+{:04X} at byte {at}, expected none", *.found as u32)]
    Control {
        /// Which kind of id was being read.
        what: &'static str,
        /// The character found.
        found: char,
        /// Its offset in bytes.
        at: usize,
    },
    /// The text is not a UUID in any of its usual spellings.
    #[error("{what} `{found}` is not a UUID")]
    NotUuid {
        /// Which kind of id was being read.
        what: &'static str,
        /// The text found, cut to a readable length.
        found: String,
    },
    /// Run ids are time-ordered.
    #[error("{what} `{found}` is not a UUID of version 7")]
    NotVersion7 {
        /// Which kind of id was being read.
        what: &'static str,
        /// The UUID found.
        found: Uuid,
    },
}

fn checked(what: &'static str, text: &str) -> Result<SmolStr, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { what });
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong {
            what,
            bytes: text.len(),
        });
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, found)) => Err(IdError::Control { what, found, at }),
        None => Ok(SmolStr::new(text)),
    }
}

/// Reads an id from a string without keeping the string.
struct Parsed<T> {
    what: &'static str,
    id: PhantomData<T>,
}

impl<T> Parsed<T> {
    fn of(what: &'static str) -> Self {
        Self {
            what,
            id: PhantomData,
        }
    }
}

impl<T: FromStr<Err = IdError>> de::Visitor<'_> for Parsed<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", self.what)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident = $what:literal;)+) => {$(
        $(#[$doc])*
        ///
        /// Opaque text of 1 to 128 bytes without control characters, compared byte for byte.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(SmolStr);

        impl $name {
            /// Checks the text and keeps it unchanged.
            ///
            /// # Errors
            /// [`IdError`] when it is empty, longer than 128 bytes or has a control character.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                checked($what, text.as_ref()).map(Self)
            }

            /// The text, exactly as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Parsed::of($what))
            }
        }
    )+};
}

text_ids! {
    /// A workspace: the scope that authority is fenced by.
    WorkspaceId = "workspace id";
    /// A tenant, which belongs to one workspace at a time.
    TenantId = "tenant id";
    /// A person on whose behalf a run was queued.
    UserId = "user id";
    /// A provider connection, which belongs to one tenant at a time.
    ConnectionId = "connection id";
    /// The name of a role.
    RoleName = "role";
    /// What a role allows and an operation needs, such as `inventory.sync`.
    Capability = "capability";
    /// The type of an operation, such as `restore.execute`: the key of the operation catalog.
    OperationType = "operation type";
    /// The name of a prerequisite, such as `baseline`.
    PrerequisiteName = "prerequisite";
    /// A submitter's key that at most one unfinished run of its (workspace, tenant, type) holds.
    UniqueKey = "unique key";
    /// The name of a queue.
    QueueName = "queue name";
    /// The name a worker goes by in records and leases.
    WorkerName = "worker name";
    /// Who made a change, asked for a cancel or a retry: text for people, not an identity.
    ActorName = "actor name";
}

impl QueueName {
    /// The queue that runs go to when none is named: `default`.
    #[must_use]
    pub fn standard() -> Self {
        Self(SmolStr::new_static("default"))
    }
}

impl Default for QueueName {
    fn default() -> Self {
        Self::standard()
    }
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident = $what:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The UUID behind the id.
            #[must_use]
            pub fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let uuid = Uuid::try_parse(text).map_err(|_| IdError::NotUuid {
                    what: $what,
                    found: text.chars().take(48).collect(),
                })?;
                Self::checked(uuid)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut text = Uuid::encode_buffer();
                serializer.serialize_str(self.0.hyphenated().encode_lower(&mut text))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Parsed::of($what))
            }
        }
    )+};
}

uuid_ids! {
    /// A run. A UUID of version 7, so that ids sort roughly by submission.
    RunId = "run id";
    /// One decision of the gate. Never used for a second attempt (fence protocol, step 7).
    DecisionId = "decision id";
    /// One worker's hold on one running run.
    LeaseId = "lease id";
    /// One store: what a fence names, so that runs and authority are known to share a commit.
    StoreId = "store id";
    /// One move of everything that lives in a store into another one.
    MoveId = "move id";
}

impl RunId {
    /// A run id for examples and tests; no store makes it.
    pub const EXAMPLE: Self = Self(Uuid::from_u128(0x0193_5f5e_7c00_7000_8000_0000_0000_0001));

    fn checked(uuid: Uuid) -> Result<Self, IdError> {
        if uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122 {
            Ok(Self(uuid))
        } else {
            Err(IdError::NotVersion7 {
                what: "run id",
                found: uuid,
            })
        }
    }
}

impl TryFrom<Uuid> for RunId {
    type Error = IdError;
    fn try_from(uuid: Uuid) -> Result<Self, IdError> {
        Self::checked(uuid)
    }
}

macro_rules! any_uuid {
    ($($name:ident)+) => {$(
        impl $name {
            fn checked(uuid: Uuid) -> Result<Self, IdError> {
                Ok(Self(uuid))
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }
    )+};
}
any_uuid!(DecisionId LeaseId StoreId MoveId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ids_are_one_to_128_bytes_without_control_characters() {
        assert!(TenantId::new("t").is_ok());
        assert!(TenantId::new("é".repeat(64)).is_ok());
        assert_eq!(
            TenantId::new("é".repeat(65)),
            Err(IdError::TooLong {
                what: "tenant id",
                bytes: 130
            })
        );
        assert_eq!(TenantId::new(""), Err(IdError::Empty { what: "tenant id" }));
        let error = TenantId::new("a\u{85}b").unwrap_err();
        assert_eq!(
            error.to_string(),
            "tenant id has the control character U+0085 at byte 1, expected none"
        );
    }

    #[test]
    fn run_ids_are_version_7() {
        assert!(
            "0193cc3c-4ab2-7c2e-9d3b-2f6d4a1b0c9d"
                .parse::<RunId>()
                .is_ok()
        );
        let v4 = "2e9e4d4e-5f3b-4c3d-8a7b-1c2d3e4f5a6b"
            .parse::<RunId>()
            .unwrap_err();
        assert!(v4.to_string().contains("version 7"));
        assert!(
            "no".parse::<RunId>()
                .unwrap_err()
                .to_string()
                .contains("not a UUID")
        );
    }
}
