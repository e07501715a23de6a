//! Ids, times, revisions, cursors: whatever is one short text.

use std::fmt::Display;
use std::str::FromStr;

use bolero::check;
use countersign_domain::{
    DecisionId, ReasonCode, Revision, RunId, StoreId, Timestamp, UserId, WorkspaceId,
};
use countersign_fuzz::{Edited, Language};
use countersign_ports::RunCursor;

use crate::complains;

const TEXTS: Language<'_> = Language {
    texts: &[
        "w",
        "inventory.sync",
        "e\u{301}\u{1f6a6}",
        "01935f5e-7c00-7000-8000-000000000001",
        "{01935F5E-7C00-7000-8000-000000000001}",
        "urn:uuid:01935f5e-7c00-7000-8000-000000000001",
        "2026-03-01T12:00:05.000250Z",
        "2026-03-01 12:00:05+02:00",
        "12-00000000000000000000000000000abc",
        "1772366405000250.01935f5e-7c00-7000-8000-000000000001",
        "missing_capability",
    ],
    words: &[
        "-",
        ".",
        "T",
        "Z",
        "+",
        "0",
        "99999999999999999999",
        "e",
        " ",
    ],
};

/// What is read is written as what is read the same; the rest is refused in words.
fn reads<T>(text: &str)
where
    T: FromStr<Err: Display> + Display + PartialEq,
{
    match text.parse::<T>() {
        Ok(read) => {
            let written = read.to_string();
            let again = written.parse::<T>();
            assert!(
                again.is_ok_and(|again| again == read),
                "{text:?}: {written:?}"
            );
        }
        Err(refused) => complains(text, &refused),
    }
}

/// A text id is what it was written as: one to 128 bytes, none of them of a control character.
#[test]
fn a_text_id_is_kept_to_the_letter() {
    check!().with_type::<Edited>().for_each(|edited| {
        let text = edited.text(TEXTS);
        let is_one = (1..=128).contains(&text.len()) && !text.chars().any(char::is_control);
        let read = text.parse::<WorkspaceId>();
        assert_eq!(read.is_ok(), is_one, "{text:?}");
        assert_eq!(text.parse::<UserId>().is_ok(), is_one, "{text:?}");
        if let Ok(id) = read {
            assert_eq!(id.as_str(), text);
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<WorkspaceId>(&json).unwrap(), id);
        }
    });
}

#[test]
fn what_has_one_spelling_is_read_again() {
    check!().with_type::<Edited>().for_each(|edited| {
        let text = edited.text(TEXTS);
        reads::<RunId>(&text);
        reads::<DecisionId>(&text);
        reads::<StoreId>(&text);
        reads::<Timestamp>(&text);
        reads::<Revision>(&text);
        reads::<RunCursor>(&text);
        reads::<ReasonCode>(&text);
    });
}
