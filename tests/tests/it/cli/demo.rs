//! The demo tells the story and proves it.

use serde_json::json;

use crate::support::Site;

#[test]
fn the_demo_blocks_runs_and_starts_none_of_them() {
    let site = Site::bare();
    let told = site.json(["demo"]).remove(0);
    assert_eq!(told["submitted"], 400);
    assert_eq!(told["blocked_that_started"], 0);
    let number = |key: &str| told[key].as_u64().unwrap();
    assert!(number("blocked") > 0);
    assert_eq!(number("handlers_entered"), number("started"));
    assert_eq!(number("started") + number("blocked"), 400);
    let reasons = told["blocked_by_reason"].as_object().unwrap();
    let blocked: u64 = reasons.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(blocked, number("blocked"));
    assert_eq!(reasons.len(), 5, "{reasons:?}");
    // Its store is gone, and none was made here.
    assert_eq!(std::fs::read_dir(site.path("")).unwrap().count(), 0);
}

#[test]
fn the_demo_is_told_in_words_to_people() {
    let told = Site::bare().run(["demo", "--count", "100"]).expect_code(0);
    for words in [
        "1. Somebody is allowed",
        "5. Why was this one blocked?",
        "What to do:",
        "0 of those were entered or have a start time",
    ] {
        assert!(told.stdout.contains(words), "{words}: {}", told.stdout);
    }
    assert_eq!(told.stderr, "");
}

#[test]
fn the_demo_can_be_larger() {
    let told = Site::bare().json(["demo", "--count", "1000"]).remove(0);
    assert_eq!(
        (&told["submitted"], &told["blocked_that_started"]),
        (&json!(1000), &json!(0))
    );
}
