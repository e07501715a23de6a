//! What holds of every text that is read: it is read as it was written, or refused in words.

use countersign_domain::{
    AttributedChange, AuthorityChange, ReasonCode, RunId, Submission, SubmittedContext, Timestamp,
};
use proptest::prelude::*;

use crate::config;
use crate::worlds::{any_change, id, json_object};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn changes_round_trip(change in any_change(), by in prop::option::of(id())) {
        let line = serde_json::to_string(&change).unwrap();
        prop_assert_eq!(&serde_json::from_str::<AuthorityChange>(&line).unwrap(), &change);
        let by = by.map(|by| by.parse().unwrap());
        let mut fields: serde_json::Map<_, _> = serde_json::from_str(&line).unwrap();
        fields.retain(|_, value| !value.is_null());
        fields.insert("by".into(), serde_json::to_value(&by).unwrap());
        fields.insert("at".into(), "whenever".into());
        let line = serde_json::to_string(&fields).unwrap();
        prop_assert_eq!(AttributedChange::parse(&line), Ok(AttributedChange { change, by }));
    }

    /// Any text is read or refused in words; nothing panics.
    #[test]
    fn no_text_makes_a_parser_panic(
        text in any::<String>(),
        letters in "[{}\\[\\]\",:ntu0\\\\e. -]*",
        long in "\\PC{40,70}",
    ) {
        let long = serde_json::to_string(&long).unwrap();
        let long_key = format!("{{{long}:{long}}}");
        let twice = format!("{{{long}:1,{long}:2}}");
        let long_change = format!("{{\"change\":{long}}}");
        for text in [text, letters, long, long_key, twice, long_change] {
            if let Err(error) = AttributedChange::parse(&text) {
                prop_assert!(!error.problem.is_empty());
            }
            if let Err(error) = Submission::parse(&text) {
                prop_assert!(!error.problem.is_empty());
            }
            if let Err(error) = SubmittedContext::parse(&text) {
                prop_assert!(!error.to_string().is_empty());
            }
            let _read = SubmittedContext::stored(&text);
            let _read = text.parse::<Timestamp>();
            let _read = text.parse::<ReasonCode>();
            let _read = text.parse::<RunId>();
        }
    }

    /// A line with one piece replaced is read or refused, and what is read is a change.
    #[test]
    fn a_damaged_change_is_read_or_refused(
        change in any_change(),
        at in any::<prop::sample::Index>(),
        length in 0_usize..6,
        piece in "[{}\":,a-z0-9 \\\\é]{0,4}",
    ) {
        let letters: Vec<char> = serde_json::to_string(&change).unwrap().chars().collect();
        let at = at.index(letters.len());
        let (before, rest) = letters.split_at(at);
        let after = rest.get(length..).unwrap_or_default();
        let damaged: String = before.iter().copied().chain(piece.chars()).chain(after.iter().copied()).collect();
        if let Ok(read) = AttributedChange::parse(&damaged) {
            let line = serde_json::to_string(&read.change).unwrap();
            prop_assert_eq!(AttributedChange::parse(&line).unwrap().change, read.change);
        }
    }

    /// A context in canonical spelling is its own canonical spelling, and means what was written.
    #[test]
    fn the_canonical_spelling_is_canonical(text in json_object()) {
        if let Ok(context) = SubmittedContext::parse(&text) {
            prop_assert_eq!(&SubmittedContext::parse(context.as_str()).unwrap(), &context);
            prop_assert_eq!(&SubmittedContext::stored(context.as_str()).unwrap(), &context);
            prop_assert_eq!(
                serde_json::from_str::<serde_json::Value>(context.as_str()).unwrap(),
                serde_json::from_str::<serde_json::Value>(&text).unwrap()
            );
        }
    }

    #[test]
    fn timestamps_round_trip(time in 0..=Timestamp::LATEST.as_micros()) {
        let time = Timestamp::from_micros(time).unwrap();
        prop_assert_eq!(time.to_string().parse::<Timestamp>(), Ok(time));
        prop_assert_eq!(time.to_string().len(), "2026-03-01T12:00:00.000000Z".len());
    }
}
