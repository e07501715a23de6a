//! What does not read is refused in words: at which field, and what was expected there.

use countersign_domain::{AttributedChange, JsonError, JsonText, MAX_JSON_BYTES};

fn problem(line: &str) -> String {
    let read = AttributedChange::parse(line).map(|change| format!("{change:?} was read"));
    read.unwrap_or_else(|error| error.problem)
}

#[test]
fn a_key_that_is_none_is_named_with_those_there_are() {
    let line = r#"{"change":"set_workspace","workspace":"w","active":true,"actve":true}"#;
    assert_eq!(
        problem(line),
        "`actve` is not a key here, expected `change`, `workspace`, `active`, `by`, `at`"
    );
}

#[test]
fn of_a_long_key_the_beginning_is_told() {
    let (key, told) = ("ä".repeat(60), "ä".repeat(48));
    let line = format!(r#"{{"change":"set_workspace","workspace":"w","active":true,"{key}":1}}"#);
    let problem = problem(&line);
    let expected = format!("`{told}` is not a key here, expected ");
    assert!(problem.starts_with(&expected), "{problem}");
}

#[test]
fn a_key_that_stands_twice_is_named() {
    assert_eq!(
        problem(r#"{"workspace":"v","workspace":"w"}"#),
        "key `workspace` stands twice (column 28)"
    );
}

#[test]
fn text_that_is_no_object_is_refused_with_the_place_where_there_is_one() {
    for (text, expected) in [
        (r#"{"a":1,}"#, "trailing comma (column 8)"),
        ("", "EOF while parsing a value"),
        (
            "17",
            "invalid type: integer `17`, expected a JSON object (column 2)",
        ),
    ] {
        assert_eq!(problem(text), expected);
    }
}

#[test]
fn a_value_of_another_kind_is_refused_with_what_was_expected() {
    assert_eq!(
        problem(r#"{"change":"set_user","user":7,"active":true}"#),
        "`user`: invalid type: integer `7`, expected a user id"
    );
}

#[test]
fn json_is_as_large_as_it_may_be_and_no_larger() {
    let text = |bytes: usize| "x".repeat(bytes - "\"\"".len());
    let most = text(MAX_JSON_BYTES);
    let document = JsonText::of(&most).unwrap();
    assert_eq!(document.as_str().len(), MAX_JSON_BYTES);
    assert_eq!(JsonText::canonical(document.as_str()), Ok(document));

    let more = text(MAX_JSON_BYTES + 1);
    let too_large = JsonError::TooLarge {
        bytes: MAX_JSON_BYTES + 1,
    };
    assert_eq!(JsonText::of(&more), Err(too_large.clone()));
    assert_eq!(JsonText::canonical(&format!("\"{more}\"")), Err(too_large));
}

#[test]
fn json_is_shown_as_it_is_written() {
    let document = JsonText::canonical(r#"{ "b": 1, "a": [] }"#).unwrap();
    assert_eq!(format!("{document:?}"), r#"{"a":[],"b":1}"#);
}
