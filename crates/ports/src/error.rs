//! What can go wrong at a port, and what a caller may do about it.

use std::error::Error;
use std::fmt;

/// The result of a port's method.
pub type PortResult<T> = Result<T, PortError>;

/// What a caller may do after an error. Decided by the adapter, in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryClass {
    /// Nothing was changed; the same call may work later.
    Later,
    /// Nothing was changed; the same call will fail again.
    Never,
    /// The call may or may not have committed: read back before doing anything else.
    ReadBack,
}

/// The conditions that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PortErrorKind {
    /// The store cannot be reached, or ended the connection before anything was committed.
    Unavailable,
    /// The store answered, but others hold what the call needs.
    Busy,
    /// The connection was lost around a commit.
    CommitUnknown,
    /// The store was never prepared.
    NotMigrated,
    /// The store was prepared by a newer version of Countersign.
    NewerSchema,
    /// The store holds something that this adapter never writes.
    Corrupt,
    /// The store refuses what it was asked for: rights, quota, a read-only medium.
    Refused,
    /// The store is one side of a move, and not open: nothing is queued, started or changed there.
    Sealed,
    /// Anything else.
    Other,
}

impl PortErrorKind {
    /// The kind as a stable code for machines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "store_unavailable",
            Self::Busy => "store_busy",
            Self::CommitUnknown => "commit_unknown",
            Self::NotMigrated => "store_not_migrated",
            Self::NewerSchema => "store_newer",
            Self::Corrupt => "store_corrupt",
            Self::Refused => "store_refused",
            Self::Sealed => "store_sealed",
            Self::Other => "store_error",
        }
    }

    const fn retry(self) -> RetryClass {
        match self {
            Self::Unavailable | Self::Busy => RetryClass::Later,
            Self::CommitUnknown => RetryClass::ReadBack,
            Self::NotMigrated
            | Self::NewerSchema
            | Self::Corrupt
            | Self::Refused
            | Self::Sealed
            | Self::Other => RetryClass::Never,
        }
    }
}

/// An error at a port: what was being done, the condition, and its source.
#[derive(Debug)]
pub struct PortError {
    kind: PortErrorKind,
    operation: &'static str,
    detail: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl PortError {
    /// An error while doing `operation`, told in `detail`.
    #[must_use]
    pub fn new(kind: PortErrorKind, operation: &'static str, detail: impl fmt::Display) -> Self {
        Self {
            kind,
            operation,
            detail: detail.to_string(),
            source: None,
        }
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// A stored value that does not read as what it should be.
    #[must_use]
    pub fn corrupt(
        operation: &'static str,
        what: impl fmt::Display,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::new(PortErrorKind::Corrupt, operation, what).caused_by(source)
    }

    /// The condition.
    #[must_use]
    pub const fn kind(&self) -> PortErrorKind {
        self.kind
    }

    /// What happened, in words, without what was being done.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What was being done, such as `begin`.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// What the caller may do.
    #[must_use]
    pub const fn retry(&self) -> RetryClass {
        self.kind.retry()
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.detail)
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_ref()
            .map(|source| &**source as &(dyn Error + 'static))
    }
}
