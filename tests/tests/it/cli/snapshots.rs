//! What people read, to the letter.

use super::{DENIED, site};
use crate::support::{Site, Told};

/// The text with ids and times replaced by what they are, both as wide as they were.
fn told(told: &Told) -> String {
    let text: Vec<char> = told.stdout.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < text.len() {
        let shaped = |shape: &str| {
            shape.chars().enumerate().all(|(offset, expected)| {
                text.get(at + offset).is_some_and(|found| match expected {
                    'x' => found.is_ascii_hexdigit(),
                    '0' => found.is_ascii_digit(),
                    other => *found == other,
                })
            })
        };
        let (name, width) = if shaped("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") {
            ("(id)", 36)
        } else if shaped("0000-00-00T00:00:00.000000Z") {
            ("(time)", 27)
        } else {
            out.push(text[at]);
            at += 1;
            continue;
        };
        out.push_str(&format!("{name:-<width$}"));
        at += width;
    }
    out
}

fn run(site: &Site, words: &[&str]) -> String {
    told(&site.run(words).expect_code(0))
}

/// A site with one run that its write gate blocked, one that was denied, one that was done.
fn full_site() -> (Site, String) {
    let site = site();
    let id = site.submit("restore.execute");
    site.submit_lines(DENIED);
    site.submit("inventory_sync");
    site.run_with_input(
        ["authority", "apply", "-", "--by", "release"],
        r#"{"change":"set_write_gate","workspace":"1","tenant":"4","open":false,"reason":"change freeze"}"#,
    )
    .expect_code(0);
    (site, id)
}

#[test]
fn help_says_what_each_command_is_for() {
    let site = Site::bare();
    insta::assert_snapshot!("help", run(&site, &["--help"]));
    insta::assert_snapshot!("help_submit", run(&site, &["submit", "--help"]));
}

#[test]
fn a_worker_a_listing_and_an_explanation_read_well() {
    let (site, blocked) = full_site();
    insta::assert_snapshot!("worker", run(&site, &["worker", "--drain", "--name", "w"]));
    insta::assert_snapshot!("list", run(&site, &["runs", "list"]));
    insta::assert_snapshot!("explain", run(&site, &["runs", "explain", &blocked]));
    insta::assert_snapshot!("log", run(&site, &["authority", "log", "--limit", "2"]));
}

#[test]
fn a_simulation_and_a_check_up_read_well() {
    let (site, _) = full_site();
    let change = r#"{"change":"set_user","user":"7","active":false}"#;
    insta::assert_snapshot!("simulate", run(&site, &["simulate", "--change", change]));
    insta::assert_snapshot!("doctor", run(&site, &["doctor"]));
}

#[test]
fn complaints_read_well() {
    let site = site();
    let complaints = [
        &["runs", "show", "01890a5d-ac96-774b-bcce-b302099a8057"][..],
        &[
            "submit",
            "--workspace",
            "",
            "--tenant",
            "4",
            "--user",
            "7",
            "--type",
            "inventory_sync",
        ],
        &[
            "submit",
            "--workspace",
            "1",
            "--tenant",
            "4",
            "--user",
            "7",
            "--type",
            "unheard_of",
        ],
        &["simulate", "--change", r#"{"change":"remove"}"#],
        &["runs", "list", "--store", "mysql://db"],
        &["runs", "list", "--store", "sqlite://missing.db"],
        &["runs", "list", "--reason", "bad_mood"],
    ]
    .map(|words| site.run(words).stderr);
    insta::assert_snapshot!("complaints", complaints.concat());
}
