//! What machines and people are told: names that stay as they are, and errors that say what was being done.

use std::error::Error;

use countersign_ports::{Part, PortError, PortErrorKind, RetryClass, Severity};

#[test]
fn every_kind_of_error_has_its_code_and_says_what_may_be_done() {
    use PortErrorKind as Kind;
    for (kind, code, retry) in [
        (Kind::Unavailable, "store_unavailable", RetryClass::Later),
        (Kind::Busy, "store_busy", RetryClass::Later),
        (Kind::CommitUnknown, "commit_unknown", RetryClass::ReadBack),
        (Kind::NotMigrated, "store_not_migrated", RetryClass::Never),
        (Kind::NewerSchema, "store_newer", RetryClass::Never),
        (Kind::Corrupt, "store_corrupt", RetryClass::Never),
        (Kind::Refused, "store_refused", RetryClass::Never),
        (Kind::Sealed, "store_sealed", RetryClass::Never),
        (Kind::Other, "store_error", RetryClass::Never),
    ] {
        assert_eq!(kind.as_str(), code);
        assert_eq!(PortError::new(kind, "begin", "").retry(), retry, "{code}");
    }
}

#[test]
fn an_error_says_what_was_being_done_and_leaves_its_cause_to_its_source() {
    let error = PortError::new(PortErrorKind::Unavailable, "begin", "the server is away");
    assert!(error.source().is_none());
    let error = error.caused_by(std::io::Error::other("connection refused"));
    assert_eq!(
        (error.operation(), error.detail()),
        ("begin", "the server is away")
    );
    assert_eq!(error.to_string(), "begin: the server is away");
    let source = error.source().map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("connection refused"));
}

#[test]
fn severities_and_parts_go_by_their_names() {
    let severities = [Severity::Note, Severity::Warning, Severity::Error];
    assert_eq!(
        severities.map(Severity::as_str),
        ["note", "warning", "error"]
    );
    assert_eq!(
        Part::ALL.map(Part::as_str),
        ["facts", "scopes", "log", "runs"]
    );
}
