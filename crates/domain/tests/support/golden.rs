//! Compares what a test found with the golden file that people have read and agreed to.

#![expect(
    clippy::panic,
    reason = "a golden file that differs has failed the test"
)]

use std::fs;
use std::path::PathBuf;

/// Whether the golden files are to be rewritten: `UPDATE_GOLDEN=1 cargo test`.
pub(crate) fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1")
}

/// Where the golden file of that name stands.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// The golden file's text; empty where there is no such file yet.
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_default()
}

/// Rewrites the golden file.
pub(crate) fn write(name: &str, text: &str) {
    fs::write(path(name), text).unwrap_or_else(|error| panic!("writing {name}: {error}"));
}

/// Fails where the text found differs from the golden file, showing the first lines that do.
pub(crate) fn compare(name: &str, found: &str) {
    if updating() {
        return write(name, found);
    }
    let golden = read(name);
    if golden == found {
        return;
    }
    let same = golden
        .lines()
        .zip(found.lines())
        .take_while(|(golden, found)| golden == found)
        .count();
    let excerpt = |mark: &str, text: &str| -> String {
        text.lines()
            .skip(same)
            .take(6)
            .map(|line| format!("{mark} {line}\n"))
            .collect()
    };
    panic!(
        "tests/golden/{name} differs from line {} on:\n{}{}read what changed, and if it is meant: \
         UPDATE_GOLDEN=1 cargo test -p countersign-domain",
        same + 1,
        excerpt("-", &golden),
        excerpt("+", found),
    );
}
