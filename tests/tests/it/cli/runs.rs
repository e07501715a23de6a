//! Listing, showing, cancelling and retrying runs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ALLOWED, DENIED, site};
use crate::support::{Site, ids_of};

const REASON: [&str; 4] = ["--reason", "missing_capability", "--workspace", "1"];

fn list<'w>(site: &Site, words: impl IntoIterator<Item = &'w str>) -> Vec<Value> {
    site.json(["runs", "list"].into_iter().chain(words))
}

#[test]
fn pages_are_newest_first_and_together_hold_every_run_once() {
    let site = site();
    let submitted = site.submit_lines(&[ALLOWED; 23].join("\n"));
    let mut seen: Vec<String> = Vec::new();
    loop {
        let mut words = vec!["--limit", "5"];
        if let Some(last) = seen.last() {
            words.extend(["--after", last.as_str()]);
        }
        let page = ids_of(&list(&site, words));
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 5);
        seen.extend(page);
    }
    let newest_first: Vec<String> = submitted.into_iter().rev().collect();
    assert_eq!(seen, newest_first);
    assert_eq!(list(&site, ["--limit", "0"]).len(), 0);
}

#[test]
fn a_hundred_runs_are_listed_unless_told() {
    let site = site();
    site.submit_lines(&[ALLOWED; 101].join("\n"));
    assert_eq!(list(&site, []).len(), 100);
    assert_eq!(list(&site, ["--limit", "1000"]).len(), 101);
}

#[test]
fn filters_leave_exactly_what_they_name() {
    let site = site();
    let elsewhere = ALLOWED.replace(r#""tenant":"4""#, r#""tenant":"5""#);
    let done = site.submit_lines(&format!("{ALLOWED}\n{DENIED}\n{elsewhere}"));
    site.drain();
    let queued = site.submit("inventory_sync");
    for (words, expected) in [
        (&["--status", "queued"][..], &[&queued][..]),
        (&["--status", "completed"], &[&done[2], &done[1], &done[0]]),
        (&["--status", "running"], &[]),
        (&["--outcome", "succeeded"], &[&done[0]]),
        (&["--outcome", "blocked"], &[&done[2], &done[1]]),
        (&["--outcome", "pending"], &[&queued]),
        (&["--reason", "missing_capability"], &[&done[1]]),
        (&["--reason", "tenant_missing"], &[&done[2]]),
        (&["--reason", "write_gate_blocked"], &[]),
        (
            &["--workspace", "1"],
            &[&queued, &done[2], &done[1], &done[0]],
        ),
        (&["--workspace", "2"], &[]),
        (&["--tenant", "4"], &[&queued, &done[1], &done[0]]),
        (
            &["--tenant", "4", "--outcome", "blocked", "--workspace", "1"],
            &[&done[1]],
        ),
    ] {
        let listed = ids_of(&list(&site, words.iter().copied()));
        assert_eq!(listed.iter().collect::<Vec<_>>(), expected, "{words:?}");
    }
}

#[test]
fn no_context_leaves_out_the_submitters_part_only() {
    let site = site();
    site.submit_lines(&DENIED.replace('}', r#","context":{"page":3}}"#));
    site.drain();
    let full = list(&site, []).remove(0);
    let bare = list(&site, ["--no-context"]).remove(0);
    assert_eq!(full["context"]["page"], 3);
    assert_eq!(bare["context"].get("page"), None);
    assert_eq!(bare["context"]["reason_code"], "missing_capability");
    assert_eq!(
        bare["context"]["execution_legitimacy"],
        full["context"]["execution_legitimacy"]
    );
}

#[test]
fn several_runs_are_shown_in_the_order_in_which_they_were_named() {
    let site = site();
    let ids = site.submit_lines(&[ALLOWED; 3].join("\n"));
    let shown = site.json(["runs", "show", &ids[1], &ids[2], &ids[0], &ids[1]]);
    assert_eq!(
        ids_of(&shown),
        [&ids[1], &ids[2], &ids[0], &ids[1]].map(String::as_str)
    );
}

#[test]
fn a_reason_says_nothing_to_the_terminal_that_shows_it() {
    let site = site();
    let id = site.submit_lines(ALLOWED).remove(0);
    let reason = "\u{1b}]0;title\u{7}\u{1b}[2J";
    site.json(["runs", "cancel", &id, "--by", "alice", "--note", reason]);
    let told = site.run(["runs", "explain", &id]).expect_code(0).stdout;
    assert!(!told.contains(['\u{1b}', '\u{7}']), "{told:?}");
    assert!(told.contains(r"\u{1b}]0;title\u{7}"), "{told}");
}

#[test]
fn a_cancelled_run_keeps_who_asked_and_why_and_is_cancelled_once() {
    let site = site();
    let id = site.submit("inventory_sync");
    let cancel = [
        "runs",
        "cancel",
        &id,
        "--by",
        "alice",
        "--note",
        "a mistake",
    ];
    assert_eq!(
        site.json(cancel),
        [json!({"id": id, "result": "cancelled"})]
    );
    assert_eq!(
        site.json(cancel),
        [json!({"id": id, "result": "already_cancelled"})]
    );
    let run = site.show(&id);
    assert_eq!(run["outcome"], "cancelled");
    assert_eq!(run["cancel"], json!({"by": "alice", "reason": "a mistake"}));
    assert_eq!(site.drain()["started"], 0);
}

#[test]
fn what_was_done_is_told_before_what_was_refused() {
    let site = site();
    let done = site.submit("inventory_sync");
    site.drain();
    let queued = site.submit("inventory_sync");
    let told = site
        .run(["runs", "cancel", &done, &queued, "--json"])
        .expect_code(3);
    assert_eq!(
        told.objects(),
        [
            json!({"id": done, "result": "already_completed"}),
            json!({"id": queued, "result": "cancelled"}),
        ]
    );
    assert_eq!(told.error()["code"], "already_completed");
}

#[test]
fn queued_runs_that_the_gate_would_deny_are_cancelled_in_bulk() {
    let site = site();
    let denied = site.submit_lines(&[DENIED; 3].join("\n"));
    let allowed = site.submit("inventory_sync");
    let before = site.runs();
    let dry = site.json(["runs", "cancel", "--dry-run"].into_iter().chain(REASON));
    let named: BTreeSet<String> = ids_of(&dry).into_iter().collect();
    assert_eq!(named, denied.iter().cloned().collect());
    assert!(dry.iter().all(|told| told["result"] == "would_cancel"));
    assert_eq!(site.runs(), before, "a dry run changes nothing");
    site.json(["runs", "cancel"].into_iter().chain(REASON));
    for id in &denied {
        assert_eq!(site.show(id)["outcome"], "cancelled");
    }
    assert_eq!(site.show(&allowed)["status"], "queued");
}

#[test]
fn a_retried_run_is_a_new_run_of_its_chain_and_passes_the_gate_afresh() {
    let site = site();
    let blocked = site.submit_lines(DENIED).remove(0);
    site.drain();
    let retry = ["runs", "retry", &blocked, "--by", "alice"];
    let told = site.json(retry).remove(0);
    assert_eq!(told["result"], "queued");
    let next = told["successor"].as_str().unwrap();
    // Asking again names the same one.
    let again = site.json(retry).remove(0);
    assert_eq!(
        again,
        json!({"id": blocked, "result": "existing", "successor": next})
    );
    let run = site.show(next);
    assert_eq!(
        (&run["retry_of"], &run["chain_id"]),
        (&json!(blocked), &json!(blocked))
    );
    assert_eq!(
        (&run["attempt"], &run["requested_by"]),
        (&json!(2), &json!("alice"))
    );
    assert_eq!(
        (&run["initiator"], &run["authority_mode"]),
        (&json!("8"), &json!("actor_bound"))
    );
    site.apply(r#"{"change":"grant","user":"8","workspace":"1","tenant":"4","role":"operator"}"#);
    site.drain();
    assert_eq!(site.show(next)["outcome"], "succeeded");
    assert_eq!(
        site.show(&blocked)["outcome"],
        "blocked",
        "its record stays"
    );
}

#[test]
fn blocked_runs_are_retried_in_bulk_by_their_reason() {
    let site = site();
    let blocked = site.submit_lines(&[DENIED; 3].join("\n"));
    let other = site.submit_lines(&ALLOWED.replace(r#""tenant":"4""#, r#""tenant":"5""#));
    site.drain();
    let before = site.runs();
    let dry = site.json(["runs", "retry", "--dry-run"].into_iter().chain(REASON));
    assert_eq!(
        BTreeSet::from_iter(ids_of(&dry)),
        BTreeSet::from_iter(blocked.clone())
    );
    assert!(dry.iter().all(|told| told["result"] == "would_retry"));
    assert_eq!(site.runs(), before, "a dry run changes nothing");
    let told = site.json(["runs", "retry"].into_iter().chain(REASON));
    assert_eq!(told.len(), 3);
    let successors: Vec<Value> = site
        .runs()
        .into_iter()
        .filter(|run| run["status"] == "queued")
        .collect();
    let retried: BTreeSet<&str> = successors
        .iter()
        .map(|run| run["retry_of"].as_str().unwrap())
        .collect();
    assert_eq!(retried, blocked.iter().map(String::as_str).collect());
    assert!(!retried.contains(other[0].as_str()));
}
