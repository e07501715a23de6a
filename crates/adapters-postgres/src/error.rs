//! The one place where PostgreSQL's conditions become port errors.

use countersign_ports::{PortError, PortErrorKind};

/// What the guards of a store that is not open raise.
const SEALED: &str = "CS001";

/// A failed statement.
pub(crate) fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> PortError {
    move |error| {
        if let Some(refusal) = refusal(&error) {
            return PortError::new(PortErrorKind::Sealed, operation, refusal);
        }
        let (kind, detail) = classify(&error);
        PortError::new(kind, operation, detail).caused_by(error)
    }
}

/// Why a store that is not open refused it, in the words of its guards.
fn refusal(error: &sqlx::Error) -> Option<String> {
    let error = error.as_database_error()?;
    (error.code().as_deref() == Some(SEALED)).then(|| error.message().to_owned())
}

/// A failed commit. Where the connection was lost, nobody knows whether it holds: the server may have
/// committed and not been able to say so.
pub(crate) fn commit_failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> PortError {
    move |error| {
        let (kind, detail) = match classify(&error) {
            known @ (
                PortErrorKind::Busy
                | PortErrorKind::Refused
                | PortErrorKind::NotMigrated
                | PortErrorKind::NewerSchema
                | PortErrorKind::Corrupt,
                _,
            ) => known,
            _ => (
                PortErrorKind::CommitUnknown,
                "the connection was lost around the commit, which may or may not have happened",
            ),
        };
        PortError::new(kind, operation, detail).caused_by(error)
    }
}

/// A failed call that commits by itself. What the server says has not been committed; where the connection was lost,
/// nobody knows.
pub(crate) fn call_failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> PortError {
    move |error| match error.as_database_error() {
        Some(_) => failed(operation)(error),
        None => commit_failed(operation)(error),
    }
}

/// Whether the server gave a transaction up to let another one through: the same again may work.
pub(crate) fn is_conflict(error: &sqlx::Error) -> bool {
    matches!(code(error).as_deref(), Some("40001" | "40P01"))
}

/// Whether the transaction was one that only reads.
pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    code(error).as_deref() == Some("25006")
}

/// Whether a lock was not to be had in time.
pub(crate) fn is_lock_timeout(error: &sqlx::Error) -> bool {
    code(error).as_deref() == Some("55P03")
}

fn code(error: &sqlx::Error) -> Option<String> {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .map(|code| code.into_owned())
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "sqlx's errors are open-ended"
)]
fn classify(error: &sqlx::Error) -> (PortErrorKind, &'static str) {
    match error {
        sqlx::Error::Database(error) => classify_code(error.code().as_deref().unwrap_or("")),
        sqlx::Error::PoolTimedOut => (PortErrorKind::Busy, "no connection became free in time"),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => (PortErrorKind::Unavailable, "the server cannot be reached"),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => (
            PortErrorKind::Corrupt,
            "the store holds a value of another type",
        ),
        _ => (PortErrorKind::Other, "the statement failed"),
    }
}

/// See <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn classify_code(code: &str) -> (PortErrorKind, &'static str) {
    let class = code.get(..2).unwrap_or("");
    match (code, class) {
        ("40001" | "40P01", _) => (PortErrorKind::Busy, "another transaction was let through"),
        ("55P03", _) => (PortErrorKind::Busy, "a lock was not to be had in time"),
        ("57014", _) => (PortErrorKind::Busy, "the statement was cancelled"),
        ("25P03" | "25P04", _) => (
            PortErrorKind::Unavailable,
            "the server ended the transaction: it took longer than the server is set to",
        ),
        ("25006", _) => (
            PortErrorKind::Refused,
            "the server takes no changes: it is a standby, or set to read-only",
        ),
        ("42P01" | "42883" | "3F000" | "42704", _) => (
            PortErrorKind::NotMigrated,
            "the database holds no prepared store, run `countersign migrate`",
        ),
        ("3D000", _) => (PortErrorKind::Refused, "there is no such database"),
        ("42501", _) | (_, "28") => (PortErrorKind::Refused, "the server does not permit it"),
        (_, "08" | "57" | "53" | "58") => (
            PortErrorKind::Unavailable,
            "the server cannot be reached, or has no room",
        ),
        (_, "23") => (
            PortErrorKind::Refused,
            "a constraint of the store forbids it",
        ),
        (_, "22" | "25" | "55" | "P0") => (PortErrorKind::Refused, "the store refuses it"),
        ("XX001" | "XX002", _) => (PortErrorKind::Corrupt, "the server finds its data damaged"),
        _ => (PortErrorKind::Other, "the statement failed"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::borrow::Cow;

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    #[test]
    fn each_code_is_of_the_kind_that_says_what_to_do() {
        for (kind, codes) in [
            (
                PortErrorKind::Busy,
                &["40001", "40P01", "55P03", "57014"][..],
            ),
            (
                PortErrorKind::Unavailable,
                &["08006", "25P03", "25P04", "53300", "57P01", "58030"],
            ),
            (
                PortErrorKind::NotMigrated,
                &["42P01", "42883", "3F000", "42704"],
            ),
            (
                PortErrorKind::Refused,
                &[
                    "25006", "3D000", "42501", "28P01", "23514", "22003", "25P02", "55000", "P0001",
                ],
            ),
            (PortErrorKind::Corrupt, &["XX001", "XX002"]),
            (PortErrorKind::Other, &["42601", "XX000", ""]),
        ] {
            for code in codes {
                assert_eq!(classify_code(code).0, kind, "{code}");
            }
        }
        // The same kind, and other words.
        let apart = [
            "40001", "55P03", "57014", "25006", "3D000", "42501", "23514", "22003",
        ];
        let words: std::collections::HashSet<_> = apart.map(|code| classify_code(code).1).into();
        assert_eq!(words.len(), apart.len());
    }

    /// What a server says: a code, and words.
    #[derive(Debug)]
    pub(crate) struct Said(pub(crate) &'static str);

    impl std::fmt::Display for Said {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.message())
        }
    }

    impl std::error::Error for Said {}

    impl DatabaseError for Said {
        fn message(&self) -> &str {
            "in words"
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }

        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }
    }

    #[test]
    fn what_is_tried_another_way_is_told_by_its_code() {
        for (code, expected) in [
            ("40001", [true, false, false]),
            ("40P01", [true, false, false]),
            ("25006", [false, true, false]),
            ("55P03", [false, false, true]),
            ("23505", [false; 3]),
        ] {
            let error = sqlx::Error::from(Said(code));
            let found = [
                is_conflict(&error),
                is_read_only(&error),
                is_lock_timeout(&error),
            ];
            assert_eq!(found, expected, "{code}");
        }
    }

    #[test]
    fn a_store_that_is_not_open_refuses_in_its_own_words() {
        let refused = failed("begin")(Said(SEALED).into());
        assert_eq!(refused.kind(), PortErrorKind::Sealed);
        assert_eq!(refused.to_string(), "begin: in words");
        let other = failed("begin")(Said("23505").into());
        assert_eq!(other.kind(), PortErrorKind::Refused);
    }

    #[test]
    fn what_the_driver_says_is_of_such_a_kind_too() {
        let io = || sqlx::Error::Io(std::io::Error::other("gone"));
        for (kind, error) in [
            (PortErrorKind::Busy, sqlx::Error::PoolTimedOut),
            (PortErrorKind::Unavailable, io()),
            (PortErrorKind::Unavailable, sqlx::Error::PoolClosed),
            (PortErrorKind::Corrupt, sqlx::Error::Decode("no".into())),
            (PortErrorKind::Other, sqlx::Error::RowNotFound),
        ] {
            assert_eq!(failed("begin")(error).kind(), kind);
        }
        // A call says for itself what the server refuses.
        let call = |error| call_failed("submit")(error).kind();
        assert_eq!(call(Said("57P01").into()), PortErrorKind::Unavailable);
        assert_eq!(call(Said(SEALED).into()), PortErrorKind::Sealed);
        assert_eq!(call(io()), PortErrorKind::CommitUnknown);
        // Whoever could not even be asked has committed nothing; whoever was lost may have.
        let commit = |error| commit_failed("begin")(error).kind();
        assert_eq!(commit(sqlx::Error::PoolTimedOut), PortErrorKind::Busy);
        assert_eq!(
            commit(sqlx::Error::Decode("no".into())),
            PortErrorKind::Corrupt
        );
        assert_eq!(commit(io()), PortErrorKind::CommitUnknown);
        assert_eq!(
            commit(sqlx::Error::RowNotFound),
            PortErrorKind::CommitUnknown
        );
    }
}
