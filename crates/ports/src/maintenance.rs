//! The port to a store as a whole: preparing it, and holding its settings against the guarantees.

use async_trait::async_trait;

use crate::PortResult;

/// What `migrate` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The schema version found; none for an empty store.
    pub from: Option<i64>,
    /// The schema version now.
    pub to: i64,
}

/// A step of the schema that `migrate` would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingMigration {
    /// The schema version that it leads to.
    pub version: i64,
    /// What it is about.
    pub description: String,
    /// The SQL that would be run.
    pub sql: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// As it should be, or worth knowing.
    Note,
    /// A guarantee holds, but weaker or dearer than it could.
    Warning,
    /// A guarantee does not hold.
    Error,
}

impl Severity {
    /// The name as it stands in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing `doctor` looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A stable code, such as `synchronous`.
    pub code: &'static str,
    /// What was found.
    pub found: String,
    /// The guarantees it endangers, such as `G2`; empty for a note.
    pub endangers: &'static [&'static str],
    /// How to mend it; empty for a note.
    pub mend: String,
}

/// Preparing a store and checking it.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait StoreMaintenance: Send + Sync {
    /// Brings the store to this version's schema; does nothing where it has it already.
    ///
    /// # Errors
    /// [`PortErrorKind::NewerSchema`](crate::PortErrorKind::NewerSchema) for a store that a newer
    /// version prepared; it is not touched.
    async fn migrate(&self) -> PortResult<Migrated>;

    /// The steps that `migrate` would take, in order, for somebody to read first. Changes nothing.
    ///
    /// # Errors
    /// As [`StoreMaintenance::migrate`].
    async fn pending(&self) -> PortResult<Vec<PendingMigration>>;

    /// Holds the store's settings and contents against the guarantees. Changes nothing.
    async fn doctor(&self) -> PortResult<Vec<Finding>>;
}
