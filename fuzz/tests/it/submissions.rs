//! Lines of run files: `submit --file`, and the contexts in them.

use bolero::check;
use countersign_domain::{RESERVED_CONTEXT_KEYS, Submission, SubmittedContext};
use countersign_fuzz::{Edited, Language};
use serde_json::Value;

use crate::{complains, meaning};

const LINES: Language<'_> = Language {
    texts: &[
        r#"{"workspace":"w","tenant":"t","user":"u","type":"inventory_sync"}"#,
        r#"{"workspace":"w","tenant":"t","system":true,"type":"housekeeping","priority":-3}"#,
        r#"{"workspace":"w","tenant":"t","user":"u","type":"op","connection":"c","context":{"b":[1.50,{"a":"é"}],"a":null},"at":"2030-01-01T00:00:00Z","unique":"k","queue_name":"q"}"#,
        r#"{"workspace":"w","tenant":"t","user":"u","type":"op","id":"01935f5e-7c00-7000-8000-000000000001"}"#,
    ],
    words: &[
        "\"system\":true",
        "\"user\":\"u\"",
        "\"context\":{\"a\":1,\"a\":2}",
        "\"blocked_by\":",
        "\"execution_legitimacy\":{}",
        "32768",
    ],
};

const CONTEXTS: Language<'_> = Language {
    texts: &[
        r"{}",
        r#"{"b":[{"z":"é","a":"\n"}],"a":null,"":{"":""},"B":true}"#,
        r#"{"b":[1.50,{"a":"é"}],"a":null,"":{"":""}}"#,
        r#"{"a":"\u00e9\n\"","A":-0.0,"n":1e10,"deep":[[[[[[[[]]]]]]]]}"#,
    ],
    words: &["\"blocked_by\":1", "\"reason_code\":", "\"a\":1", "[[[["],
};

/// Somebody queues it, or it is the system's: never both, never neither.
#[test]
fn a_submission_that_is_read_says_on_whose_authority() {
    check!().with_type::<Edited>().for_each(|edited| {
        let line = edited.text(LINES);
        match Submission::parse(&line) {
            Ok(read) => {
                let written = read.context.as_str();
                assert_eq!(
                    SubmittedContext::stored(written).as_ref(),
                    Ok(&read.context)
                );
                let Some(fields) = meaning(&line) else { return };
                let is_system = fields["system"] == Value::Bool(true);
                assert_eq!(read.initiator.is_none(), is_system, "{line:?}");
                assert_eq!(fields["workspace"], read.workspace_id.as_str(), "{line:?}");
                assert_eq!(fields["tenant"], read.tenant_id.as_str(), "{line:?}");
            }
            Err(refused) => complains(&line, &refused),
        }
    });
}

/// A context has one spelling, means what it meant, and leaves the record's keys alone.
#[test]
fn a_context_that_is_read_has_one_spelling() {
    check!().with_type::<Edited>().for_each(|edited| {
        let text = edited.text(CONTEXTS);
        match SubmittedContext::parse(&text) {
            Ok(read) => {
                assert_eq!(SubmittedContext::parse(read.as_str()).as_ref(), Ok(&read));
                let means = meaning(read.as_str());
                assert_eq!(means, meaning(&text), "{text:?}");
                // Numbers are kept as they were written, which a meaning does not tell.
                if let (Some(means), false) = (&means, text.contains(|c: char| c.is_ascii_digit()))
                {
                    let one = SubmittedContext::parse(&means.to_string());
                    assert_eq!(one.as_ref(), Ok(&read), "{text:?}");
                }
                let has = |key: &&&str| {
                    means
                        .as_ref()
                        .is_some_and(|means| means.get(**key).is_some())
                };
                assert_eq!(RESERVED_CONTEXT_KEYS.iter().find(has), None, "{text:?}");
            }
            Err(refused) => complains(&text, &refused),
        }
    });
}
