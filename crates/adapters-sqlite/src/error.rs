//! The one place where SQLite's conditions become port errors.

use countersign_ports::{PortError, PortErrorKind};
use sqlx::error::DatabaseError;

/// What the guards of a store that is not open begin their words with.
pub(crate) const SEALED: &str = "sealed: ";

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
    let message = error.as_database_error()?.message();
    message.strip_prefix(SEALED).map(str::to_owned)
}

/// A failed commit: where the medium or the worker thread failed, nobody knows whether it holds.
pub(crate) fn commit_failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> PortError {
    move |error| {
        let (kind, detail) = match classify(&error) {
            (PortErrorKind::Unavailable, _) => (
                PortErrorKind::CommitUnknown,
                "the commit may or may not have happened",
            ),
            known => known,
        };
        PortError::new(kind, operation, detail).caused_by(error)
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "sqlx's errors are open-ended"
)]
fn classify(error: &sqlx::Error) -> (PortErrorKind, &'static str) {
    match error {
        sqlx::Error::Database(error) => classify_code(primary_code(&**error)),
        sqlx::Error::PoolTimedOut => (PortErrorKind::Busy, "no connection became free in time"),
        sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            (PortErrorKind::Unavailable, "the store cannot be reached")
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => (
            PortErrorKind::Corrupt,
            "the store holds a value of another type",
        ),
        _ => (PortErrorKind::Other, "the statement failed"),
    }
}

/// SQLite's extended codes carry the primary one in their low byte.
fn primary_code(error: &dyn DatabaseError) -> i32 {
    error
        .code()
        .and_then(|code| code.parse::<i32>().ok())
        .unwrap_or(0)
        & 0xff
}

/// See <https://www.sqlite.org/rescode.html>.
fn classify_code(code: i32) -> (PortErrorKind, &'static str) {
    match code {
        5 | 6 => (PortErrorKind::Busy, "another writer holds the file"),
        10 => (
            PortErrorKind::Unavailable,
            "the file cannot be read or written",
        ),
        14 => (PortErrorKind::Unavailable, "the file cannot be opened"),
        13 => (PortErrorKind::Unavailable, "the disk is full"),
        3 | 8 | 23 => (PortErrorKind::Refused, "the file cannot be written"),
        11 | 26 => (
            PortErrorKind::Corrupt,
            "the file is not an intact SQLite database",
        ),
        19 => (
            PortErrorKind::Refused,
            "a constraint of the store forbids it",
        ),
        1 => (
            PortErrorKind::Other,
            "the statement is not understood by the store",
        ),
        _ => (PortErrorKind::Other, "the statement failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_of_the_kind_that_says_what_to_do() {
        for (kind, codes) in [
            (PortErrorKind::Busy, &[5, 6][..]),
            (PortErrorKind::Unavailable, &[10, 13, 14]),
            (PortErrorKind::Refused, &[3, 8, 19, 23]),
            (PortErrorKind::Corrupt, &[11, 26]),
            (PortErrorKind::Other, &[1, 2, 0]),
        ] {
            for &code in codes {
                assert_eq!(classify_code(code).0, kind, "{code}");
            }
        }
        assert_ne!(classify_code(1), classify_code(2));
    }

    #[test]
    fn what_the_driver_says_is_of_such_a_kind_too() {
        let io = || sqlx::Error::Io(std::io::Error::other("gone"));
        for (kind, error) in [
            (PortErrorKind::Busy, sqlx::Error::PoolTimedOut),
            (PortErrorKind::Unavailable, sqlx::Error::PoolClosed),
            (PortErrorKind::Unavailable, sqlx::Error::WorkerCrashed),
            (PortErrorKind::Unavailable, io()),
            (PortErrorKind::Corrupt, sqlx::Error::Decode("no".into())),
            (PortErrorKind::Other, sqlx::Error::RowNotFound),
        ] {
            assert_eq!(failed("begin")(error).kind(), kind);
        }
        assert_eq!(
            commit_failed("begin")(io()).kind(),
            PortErrorKind::CommitUnknown
        );
        let busy = commit_failed("begin")(sqlx::Error::PoolTimedOut);
        assert_eq!(busy.kind(), PortErrorKind::Busy);
    }
}
