//! Names as they are written, shown and read again.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use countersign_domain::{
    AuthorityMode, ChangeKind, Check, CheckResult, FailureCode, ReasonCode, RunOutcome, RunStatus,
    TenantLifecycle,
};

/// Each is shown by its name, and takes the room that it is given: columns of a table.
fn is_shown<T: Copy + Display>(all: &[T], name: impl Fn(T) -> &'static str) {
    for one in all {
        assert_eq!(one.to_string(), name(*one));
        assert_eq!(format!("{one:>40}"), format!("{:>40}", name(*one)));
    }
}

/// Each is read from its name alone, and what is no name is refused with the names that there are.
fn is_read<T: Copy + Debug + PartialEq + FromStr<Err: Display>>(
    all: &[T],
    name: impl Fn(T) -> &'static str,
) {
    for one in all {
        let read = name(*one).parse::<T>();
        assert!(read.is_ok_and(|read| read == *one), "{one:?}");
    }
    let refused = "no name".parse::<T>().map_err(|error| error.to_string());
    let refused = refused.err().unwrap_or_default();
    assert!(refused.contains("`no name`"), "{refused}");
}

#[test]
fn every_name_is_shown_as_it_is_written() {
    is_shown(&Check::ALL, Check::as_str);
    let results = [
        CheckResult::Passed,
        CheckResult::Failed,
        CheckResult::NotApplicable,
    ];
    is_shown(&results, CheckResult::as_str);
    is_shown(ReasonCode::ALL, ReasonCode::as_str);
    is_shown(RunStatus::ALL, RunStatus::as_str);
    is_shown(RunOutcome::ALL, RunOutcome::as_str);
    is_shown(&TenantLifecycle::ALL, TenantLifecycle::as_str);
}

#[test]
fn every_name_is_read_from_what_was_written() {
    is_read(&AuthorityMode::ALL, AuthorityMode::as_str);
    is_read(ReasonCode::ALL, ReasonCode::as_str);
    is_read(RunStatus::ALL, RunStatus::as_str);
    is_read(RunOutcome::ALL, RunOutcome::as_str);
    is_read(FailureCode::ALL, FailureCode::as_str);
    is_read(&TenantLifecycle::ALL, TenantLifecycle::as_str);
}

#[test]
fn kinds_of_changes_go_by_different_names() {
    let names: std::collections::BTreeSet<_> = ChangeKind::ALL
        .into_iter()
        .map(ChangeKind::as_str)
        .collect();
    assert_eq!(names.len(), ChangeKind::ALL.len());
}
