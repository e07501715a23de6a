//! Lines of authority changes: `authority apply`, `simulate`.

use bolero::check;
use countersign_domain::{AttributedChange, AuthorityState};
use countersign_fuzz::{Edited, Language};

use crate::complains;

const LINES: Language<'_> = Language {
    texts: &[
        r#"{"change":"define_role","role":"operator","capabilities":["inventory.sync"],"all_tenants":false}"#,
        r#"{"change":"set_workspace","workspace":"w","active":true}"#,
        r#"{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"active"}"#,
        r#"{"change":"set_user","user":"u","active":true,"by":"ops"}"#,
        r#"{"change":"remove_user","user":"u","at":"yesterday"}"#,
        r#"{"change":"grant","user":"u","workspace":"w","tenant":"t","role":"r","expires_at":"2030-01-01T00:00:00Z"}"#,
        r#"{"change":"revoke","user":"u","workspace":"w","tenant":null,"role":"operator"}"#,
        r#"{"change":"set_connection","connection":"c","tenant":"t","enabled":true}"#,
        r#"{"change":"set_write_gate","workspace":"w","tenant":null,"open":false,"reason":"change freeze"}"#,
        r#"{"change":"set_prerequisite","workspace":"w","tenant":"t","name":"baseline","met":true}"#,
    ],
    words: &[
        "\"change\":",
        "\"tenant\":null",
        "\"by\":\"ops\"",
        "\"at\":[{}]",
        "archived",
        "2026-03-01T12:00:05.000250Z",
        "9999-12-31T23:59:60Z",
    ],
};

/// What is read is written as the same change, and applied twice it leaves the same facts.
#[test]
fn a_change_that_is_read_is_written_the_same() {
    check!().with_type::<Edited>().for_each(|edited| {
        let line = edited.text(LINES);
        match AttributedChange::parse(&line) {
            Ok(read) => {
                let written = serde_json::to_string(&read.change).unwrap();
                let again = AttributedChange::parse(&written).expect(&written);
                assert_eq!(again.change, read.change, "{line:?}");
                let mut once = AuthorityState::default();
                once.apply(&read.change);
                let mut twice = once.clone();
                twice.apply(&read.change);
                assert_eq!(once, twice, "{line:?}");
            }
            Err(refused) => complains(&line, &refused),
        }
    });
}
