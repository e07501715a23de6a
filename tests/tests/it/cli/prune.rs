//! `prune` removes completed runs, and says how many.

use serde_json::json;

use super::{ALLOWED, DENIED, site};
use crate::support::Site;

/// A site with a run that succeeded, one that was blocked and one that waits.
fn populated() -> (Site, [String; 3]) {
    let site = site();
    let done = site.submit_lines(ALLOWED).remove(0);
    let blocked = site.submit_lines(DENIED).remove(0);
    site.drain();
    let queued = site.submit_lines(ALLOWED).remove(0);
    (site, [done, blocked, queued])
}

#[test]
fn completed_runs_go_once_they_are_old_enough() {
    let (site, [done, blocked, queued]) = populated();
    let told = site.json(["prune", "--older-than", "1h"]);
    assert_eq!(told, [json!({"removed": 0, "kept": 0})]);
    let told = site.json(["prune", "--older-than", "1ms"]);
    assert_eq!(told, [json!({"removed": 2, "kept": 0})]);
    assert_eq!(site.show(&queued)["status"], "queued");
    for gone in [done, blocked] {
        let told = site.run(["--json", "runs", "show", &gone]).expect_code(3);
        assert_eq!(told.error()["code"], "not_found");
    }
}

#[test]
fn blocked_runs_are_kept_where_that_is_asked_for() {
    let (site, [_, blocked, _]) = populated();
    let told = site
        .run(["prune", "--older-than", "1ms", "--keep-blocked"])
        .expect_code(0);
    assert_eq!(
        told.stdout,
        "1 run removed\nkept: 1 run, blocked or queued after one that is kept\n"
    );
    let explained = site.json(["runs", "explain", &blocked]).remove(0);
    assert_eq!(explained["id"], blocked.as_str(), "{explained}");
}

#[test]
fn an_age_is_asked_for_and_has_a_unit() {
    let (site, _) = populated();
    site.run(["prune"]).expect_code(2);
    for age in ["90", "-1d", "0d", "90 days", "4000d"] {
        let word = format!("--older-than={age}");
        let told = site.run(["--json", "prune", &word]).expect_code(2);
        assert!(told.stderr.contains("--older-than"), "{}", told.stderr);
    }
    assert_eq!(site.runs().len(), 3, "nothing was removed");
}
