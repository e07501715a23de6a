//! Refused or not found: exit code 3, and nothing changed.

use super::{ALLOWED, DENIED, site};

const NOBODY: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[test]
fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let site = site();
    let done = site.submit("inventory_sync");
    site.drain();
    let unique = ALLOWED.replace('}', r#","unique":"key"}"#);
    let held = site.submit_lines(&unique).remove(0);
    site.json(["runs", "cancel", &held]);
    site.submit_lines(&unique);
    let queued = site.submit("inventory_sync");
    let before = (site.runs(), site.log());
    for (words, input, code) in [
        (&["runs", "show", NOBODY][..], "", "not_found"),
        (&["runs", "show", &queued, NOBODY], "", "not_found"),
        (&["runs", "explain", NOBODY], "", "not_found"),
        (&["runs", "cancel", NOBODY], "", "not_found"),
        (&["runs", "retry", NOBODY], "", "not_found"),
        (&["runs", "list", "--after", NOBODY], "", "not_found"),
        (&["runs", "retry", &queued], "", "not_completed"),
        (&["runs", "retry", &held], "", "unique_key_held"),
        (&["runs", "cancel", &done], "", "already_completed"),
        (
            &["submit", "--preflight", "--file", "-"],
            DENIED,
            "missing_capability",
        ),
    ] {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let told = site.run_with_input(&words, input).expect_code(3);
        assert_eq!(told.error()["code"], code, "{words:?}");
    }
    assert!((site.runs(), site.log()) == before, "something was changed");
}
