//! Proves that the names the contract has promised only ever grow: reason codes with their check and
//! advice in `golden/reason_codes.txt`, every other name that is written down in `vocabulary.txt`.
//!
//! A name that was ever released may stand in somebody's database or dashboard. To add one, add it
//! to the code and run `UPDATE_GOLDEN=1 cargo test -p countersign-domain --test reason_codes`, which
//! appends it; nothing here takes one away.

#![expect(
    clippy::unwrap_used,
    reason = "a vocabulary that cannot be written down has failed"
)]

use std::collections::BTreeSet;
use std::fmt::Debug;

use countersign_domain::{
    AuthorityMode, ChangeKind, Check, CheckResult, ConnectionUse, Consistency, Continuity,
    FailureCode, GateState, RESERVED_CONTEXT_KEYS, ReasonCode, RunOutcome, RunStatus,
    TenantLifecycle,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[path = "support/golden.rs"]
#[expect(dead_code, reason = "these files are not compared but grown")]
mod golden;

/// Fails where a line of the golden file is not (any more) among the lines, or one of them is new.
fn only_grows(name: &str, lines: &[String]) {
    let golden = golden::read(name);
    let promised: BTreeSet<&str> = golden.lines().collect();
    let found: BTreeSet<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(found.len(), lines.len(), "each line once");

    let broken: Vec<&str> = golden
        .lines()
        .filter(|line| !found.contains(line))
        .collect();
    assert!(
        broken.is_empty(),
        "tests/golden/{name} promises what the code no longer says: {broken:#?}\n\
         names never change and never go away; add a new one instead"
    );

    let new: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .filter(|line| !promised.contains(line))
        .collect();
    if golden::updating() {
        let appended: String = new.iter().map(|line| format!("{line}\n")).collect();
        golden::write(name, &(golden + &appended));
        return;
    }
    assert!(
        new.is_empty(),
        "not in tests/golden/{name} yet: {new:#?}\n\
         once released they stay; to append them: \
         UPDATE_GOLDEN=1 cargo test -p countersign-domain --test reason_codes"
    );
}

/// The name as it is written down, after a look that it is read back as the same value.
fn wire<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> String {
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
    let name = json.trim_matches('"');
    assert_eq!(json, format!("\"{name}\""), "a plain string");
    name.to_owned()
}

#[test]
fn reason_codes_keep_their_name_check_and_advice() {
    let lines: Vec<String> = ReasonCode::ALL
        .iter()
        .map(|code| {
            let advice = if code.is_retryable() {
                "retryable"
            } else {
                "final"
            };
            format!("{}\t{}\t{advice}", wire(code), wire(&code.denial_class()))
        })
        .collect();
    only_grows("reason_codes.txt", &lines);
}

#[test]
fn names_in_records_files_and_tables_stay() {
    let mut lines = Vec::new();
    let mut list = |what: &str, names: Vec<String>| {
        lines.extend(names.into_iter().map(|name| format!("{what}\t{name}")));
    };
    list("status", RunStatus::ALL.iter().map(wire).collect());
    list("outcome", RunOutcome::ALL.iter().map(wire).collect());
    list("failure code", FailureCode::ALL.iter().map(wire).collect());
    list("check", Check::ALL.iter().map(wire).collect());
    list("check result", CHECK_RESULTS.iter().map(wire).collect());
    list("authority mode", MODES.iter().map(wire).collect());
    list("lifecycle", TenantLifecycle::ALL.iter().map(wire).collect());
    list(
        "change",
        ChangeKind::ALL.map(|kind| kind.to_string()).into(),
    );
    list("connection", CONNECTION_USES.iter().map(wire).collect());
    list("continuity", CONTINUITIES.iter().map(wire).collect());
    list("consistency", CONSISTENCIES.iter().map(wire).collect());
    list("write gate", GATE_STATES.iter().map(wire).collect());
    list(
        "reserved context key",
        RESERVED_CONTEXT_KEYS.map(str::to_owned).into(),
    );
    only_grows("vocabulary.txt", &lines);
}

/// `as_str`, `Display` and serde are one name, and parsing takes no other.
#[test]
fn a_name_is_the_same_however_it_is_asked_for() {
    for code in ReasonCode::ALL {
        assert_eq!(wire(code), code.as_str());
        assert_eq!(code.to_string().parse(), Ok(*code));
    }
    for status in RunStatus::ALL {
        assert_eq!(wire(status), status.as_str());
        assert_eq!(status.to_string().parse(), Ok(*status));
    }
    for outcome in RunOutcome::ALL {
        assert_eq!(wire(outcome), outcome.as_str());
        assert_eq!(outcome.to_string().parse(), Ok(*outcome));
    }
    for code in FailureCode::ALL {
        assert_eq!(wire(code), code.as_str());
        assert_eq!(code.to_string().parse(), Ok(*code));
    }
    for lifecycle in TenantLifecycle::ALL {
        assert_eq!(wire(&lifecycle), lifecycle.as_str());
        assert_eq!(lifecycle.to_string().parse(), Ok(lifecycle));
    }
    for check in Check::ALL {
        assert_eq!(wire(&check), check.as_str());
    }
    for result in CHECK_RESULTS {
        assert_eq!(wire(result), result.as_str());
    }
    for mode in MODES {
        assert_eq!(wire(mode), mode.as_str());
    }
    for unknown in ["", "Queued", "queued ", "missing-capability"] {
        assert!(unknown.parse::<RunStatus>().is_err());
        assert!(unknown.parse::<ReasonCode>().is_err());
    }
}

/// Sentences are for people: whole sentences, each its own.
#[test]
fn every_reason_says_what_was_found_and_what_to_do() {
    let mut sentences = BTreeSet::new();
    for code in ReasonCode::ALL {
        let about = code.describe();
        for sentence in [about.sentence, about.remedy] {
            assert!(sentence.ends_with('.'), "{code}: {sentence}");
            assert!(
                sentence.starts_with(char::is_uppercase),
                "{code}: {sentence}"
            );
            assert!(sentences.insert(sentence), "{code}: said twice: {sentence}");
        }
    }
}

/// Lists the variants of an enum that has no list of its own; one left out does not compile.
macro_rules! every {
    ($name:ident: $type:ident = $($variant:ident)+) => {
        const $name: &[$type] = {
            const fn every(value: $type) {
                match value {
                    $($type::$variant => {})+
                }
            }
            let all = &[$($type::$variant,)+];
            $(every($type::$variant);)+
            all
        };
    };
}

every!(CHECK_RESULTS: CheckResult = Passed Failed NotApplicable);
every!(MODES: AuthorityMode = ActorBound System);
every!(CONNECTION_USES: ConnectionUse = None Optional Required);
every!(CONTINUITIES: Continuity = Cancel Finish);
every!(CONSISTENCIES: Consistency = Fenced Bounded);
every!(GATE_STATES: GateState = Open Closed);
