//! Global options, `--json`, and plain output.

use serde_json::Value;

use super::{ALLOWED, CONFIG, DENIED, site};
use crate::support::Site;

/// A site with something of everything, and the id of a blocked run.
fn full_site() -> (Site, String) {
    let site = site();
    let ids = site.submit_lines(&format!("{ALLOWED}\n{DENIED}"));
    site.drain();
    site.submit_lines(&format!("{ALLOWED}\n{DENIED}"));
    (site, ids[1].clone())
}

/// Every command, in an order in which each succeeds, and whether it prints exactly one object.
fn commands(blocked: &str) -> Vec<(Vec<&str>, bool)> {
    let simulated = r#"{"change":"set_user","user":"7","active":false}"#;
    vec![
        (vec!["demo", "--count", "40"], true),
        (vec!["migrate"], true),
        (vec!["doctor"], false),
        (vec!["authority", "apply", "-"], true),
        (vec!["authority", "show", "--workspace", "1"], false),
        (vec!["authority", "log"], false),
        (
            vec![
                "submit",
                "--workspace",
                "1",
                "--tenant",
                "4",
                "--user",
                "7",
                "--type",
                "inventory_sync",
            ],
            true,
        ),
        (vec!["submit", "--file", "-"], false),
        (vec!["simulate", "--change", simulated], false),
        (vec!["runs", "list"], false),
        (vec!["runs", "list", "--limit", "1"], true),
        (vec!["runs", "show", blocked], true),
        (vec!["runs", "explain", blocked], true),
        (vec!["runs", "retry", blocked], true),
        (
            vec![
                "runs",
                "retry",
                "--reason",
                "missing_capability",
                "--workspace",
                "1",
                "--dry-run",
            ],
            true,
        ),
        (
            vec![
                "runs",
                "cancel",
                "--reason",
                "missing_capability",
                "--workspace",
                "1",
            ],
            false,
        ),
        (vec!["worker", "--drain"], true),
    ]
}

#[test]
fn with_json_every_command_prints_objects_one_a_line_and_nothing_else() {
    let (site, blocked) = full_site();
    for (words, one) in commands(&blocked) {
        let words: Vec<&str> = words.into_iter().chain(["--json"]).collect();
        let told = site.run(&words).expect_code(0);
        let objects = told.objects();
        assert_eq!(told.stderr, "", "{words:?}");
        if one {
            assert_eq!(objects.len(), 1, "{words:?}: {}", told.stdout);
        }
    }
}

#[test]
fn plain_output_that_is_piped_holds_no_control_characters() {
    let (site, blocked) = full_site();
    for (words, _) in commands(&blocked) {
        let told = site.run(&words).expect_code(0);
        let is_plain = |text: &str| text.chars().all(|c| c == '\n' || !c.is_control());
        assert!(is_plain(&told.stdout), "{words:?}: {:?}", told.stdout);
        assert!(is_plain(&told.stderr), "{words:?}: {:?}", told.stderr);
    }
    for words in [
        &["--help"][..],
        &["submit", "--help"],
        &["runs", "list", "--nope"],
    ] {
        let told = site.run(words);
        assert!(!told.stdout.contains('\u{1b}') && !told.stderr.contains('\u{1b}'));
    }
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    let site = Site::bare();
    site.write("other.toml", CONFIG);
    let store = ["--store", "sqlite://other.db"];
    let config = ["--config", "other.toml"];
    site.run(["migrate", "--json"].iter().chain(&store))
        .expect_code(0);
    let submit = [
        "submit",
        "--workspace",
        "1",
        "--tenant",
        "4",
        "--user",
        "7",
        "--type",
        "inventory_sync",
    ];
    site.run(submit.iter().chain(&store).chain(&config))
        .expect_code(0);
    let list = ["runs", "list"];
    let told: Vec<Vec<Value>> = [
        [&store[..], &["--json"], &config, &list].concat(),
        [&list[..], &config, &["--json"], &store].concat(),
        [&["--json", "runs"][..], &store, &["list"], &config].concat(),
    ]
    .iter()
    .map(|words| site.run(words).expect_code(0).objects())
    .collect();
    assert_eq!(told[0].len(), 1);
    assert!(told.iter().all(|one| *one == told[0]));
}

#[test]
fn the_environment_names_the_store_and_the_command_line_overrules_it() {
    let site = site();
    site.submit("inventory_sync");
    site.run(["migrate", "--store", "sqlite://other.db"])
        .expect_code(0);
    let list = ["runs", "list", "--json"];
    let variable = ("COUNTERSIGN_STORE", "sqlite://other.db");
    let told = site.run_with_variable(variable, list).expect_code(0);
    assert_eq!(told.objects().len(), 0);
    let words = list
        .into_iter()
        .chain(["--store", "sqlite://countersign.db"]);
    let told = site.run_with_variable(variable, words).expect_code(0);
    assert_eq!(told.objects().len(), 1);
}

#[test]
fn help_and_version_succeed_on_stdout() {
    let site = Site::bare();
    for words in [
        &["--help"][..],
        &["--version"],
        &["runs", "retry", "--help"],
        &["help", "submit"],
    ] {
        let told = site.run(words).expect_code(0);
        assert!(
            !told.stdout.is_empty() && told.stderr.is_empty(),
            "{words:?}"
        );
    }
}
