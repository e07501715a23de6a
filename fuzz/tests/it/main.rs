//! Whatever is read is read as what it says, and written again the same; the rest is refused in words. Nothing
//! panics.
//!
//! Each test takes a second, or as `BOLERO_RANDOM_TEST_TIME_MS` and `BOLERO_RANDOM_ITERATIONS` say; what it fails
//! on is told with the seed that draws it again. `cargo bolero test` runs the same tests under a fuzzer that looks
//! for paths; no test needs it.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, whatever else came than was expected"
)]

mod changes;
mod config;
mod ids;
mod records;
mod submissions;

use std::fmt::Display;

use serde_json::Value;

/// Whatever is refused is refused in words.
fn complains(about: &str, complaint: &impl Display) {
    let words = complaint.to_string();
    assert!(!words.is_empty(), "refused without words: {about:?}");
}

/// What a document means; none where it has a number or a character that can be written in JSON and nowhere else.
fn meaning(document: &str) -> Option<Value> {
    serde_json::from_str(document).ok()
}
