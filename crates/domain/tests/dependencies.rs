//! Proves that the domain stays pure: it depends on value types only, and nothing in its sources
//! reads a clock, does I/O, draws a random number or waits.

#![expect(
    clippy::unwrap_used,
    reason = "sources that cannot be read prove nothing"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn crate_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_domain_depends_on_value_types_only() {
    let manifest = fs::read_to_string(crate_root().join("Cargo.toml")).unwrap();
    let mut section = "";
    let mut dependencies = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
            let others = ["[dependencies.", "[build-dependencies", "[target."];
            assert!(
                !others.iter().any(|other| line.starts_with(other)),
                "`{line}`: dependencies belong under [dependencies], where this test sees them"
            );
        } else if section == "[dependencies]" && !line.is_empty() && !line.starts_with('#') {
            dependencies.insert(line.split(['.', ' ', '=']).next().unwrap());
        }
    }
    let value_types = [
        "jiff",
        "serde",
        "serde_json",
        "smallvec",
        "smol_str",
        "thiserror",
        "uuid",
    ];
    assert_eq!(dependencies, BTreeSet::from(value_types));
}

/// Words and paths that have no business in pure code. Of `jiff` and `uuid` only what takes no clock
/// and no random number.
const FORBIDDEN: [&str; 20] = [
    "SystemTime",
    "Instant",
    "now()",
    "now_v7",
    "new_v4",
    "new_v7",
    "rand",
    "fastrand",
    "getrandom",
    "RandomState",
    "std::fs",
    "std::net",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "async",
    "await",
    "static mut",
    "include_str",
];

#[test]
fn the_domain_reads_no_clock_and_does_no_io() {
    let sources = sources(&crate_root().join("src"));
    assert!(sources.len() > 10, "the sources were found");
    let mut found = Vec::new();
    for path in sources {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for forbidden in FORBIDDEN {
                if has_word(line, forbidden) {
                    let name = path.file_name().unwrap().to_string_lossy().into_owned();
                    found.push(format!("{name}:{}: `{forbidden}`", number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Whether the line holds the word, and not only as part of another.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (line.split_at(at).0, line.split_at(at + word.len()).1);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
