//! `countersign migrate-store` as an operator has it, and a worker whose store moves away.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{AUTHORITY, Site, until};

const CONFIG: &str = r#"
[worker]
lease = "3s"
[operations.sync]
capability = "inventory.sync"
command = ["true"]
[operations.slow]
capability = "inventory.sync"
# Ends with its directory, too: a worker that is killed leaves it behind.
command = ["sh", "-c", "while test -e countersign.toml && ! test -e go; do sleep 0.02; done"]
"#;

const FROM: &str = "sqlite://countersign.db";
const TO: &str = "sqlite://new.db";

fn site() -> Site {
    let site = Site::new(CONFIG);
    site.apply(AUTHORITY);
    site
}

/// Runs a command on the store that was moved into.
fn at_new_home(site: &Site, words: &[&str]) -> Vec<Value> {
    site.json([&["--store", TO], words].concat())
}

fn move_house(site: &Site) -> Value {
    let words = ["migrate-store", "--from", FROM, "--to", TO];
    site.json(words).remove(0)
}

/// Demands that a command is refused with this code, and says what it says.
fn refused(site: &Site, words: &[&str], code: &str) -> String {
    let told = site.run([words, &["--json"]].concat()).expect_code(3);
    let error = told.error();
    assert_eq!(error["code"], code, "{error}");
    error["message"].as_str().unwrap().to_owned()
}

#[test]
fn everything_is_shown_at_its_new_home_as_it_was() {
    let site = site();
    for _ in 0..3 {
        site.submit("sync");
    }
    site.drain();
    let queued = site.submit("sync");
    let (runs, log) = (site.runs(), site.log());
    let told = move_house(&site);
    assert_eq!(told["moved"]["runs"]["count"], 4, "{told}");
    assert_eq!(told["moved"]["log"]["count"], json!(log.len()), "{told}");
    assert_eq!(
        (told["from"].as_str(), told["to"].as_str()),
        (Some(FROM), Some(TO))
    );
    assert_eq!(at_new_home(&site, &["runs", "list"]), runs);
    assert_eq!(at_new_home(&site, &["authority", "log"]), log);
    let worked = at_new_home(&site, &["worker", "--drain"]).remove(0);
    assert_eq!(worked["succeeded"], 1, "{worked}");
    let run = at_new_home(&site, &["runs", "show", &queued]).remove(0);
    assert_eq!(run["outcome"], "succeeded", "{run}");
}

#[test]
fn a_move_that_is_over_says_so_and_cannot_be_given_up() {
    let site = site();
    let moved = move_house(&site);
    let again = move_house(&site);
    assert_eq!(
        (&again["move"], &again["moved"]),
        (&moved["move"], &Value::Null)
    );
    let words = ["migrate-store", "--from", FROM, "--to", TO, "--abandon"];
    refused(&site, &words, "move_over");
}

#[test]
fn whoever_comes_to_the_old_home_is_sent_to_the_new_one() {
    let site = site();
    let id = site.submit("sync");
    move_house(&site);
    let submit = [
        "submit",
        "--workspace",
        "1",
        "--tenant",
        "4",
        "--user",
        "7",
        "--type",
        "sync",
    ];
    let apply = ["authority", "apply", "change.json"];
    site.write(
        "change.json",
        r#"{"change":"set_user","user":"9","active":true}"#,
    );
    let cancel = ["runs", "cancel", &id];
    let worker = ["worker", "--drain"];
    for words in [&submit[..], &apply, &cancel, &worker] {
        let told = refused(&site, words, "store_sealed");
        assert!(told.contains(TO), "{told}");
    }
    assert_eq!(site.show(&id)["status"], "queued");
}

#[test]
fn a_target_must_be_empty_and_another_store() {
    let site = site();
    let to = |to: &'static str| ["migrate-store", "--from", FROM, "--to", to];
    site.run(["--store", TO, "migrate"]).expect_code(0);
    site.run_with_input(["--store", TO, "authority", "apply", "-"], AUTHORITY)
        .expect_code(0);
    refused(&site, &to(TO), "target_not_empty");
    let same = site
        .run([&to(FROM)[..], &["--json"]].concat())
        .expect_code(2);
    assert_eq!(same.error()["field"], "to");
    // Nothing was changed by any of it.
    site.submit("sync");
    let at_target = [
        "submit",
        "--workspace",
        "1",
        "--tenant",
        "4",
        "--user",
        "7",
        "--type",
        "sync",
    ];
    at_new_home(&site, &at_target);
}

#[test]
fn words_that_make_no_sense_are_refused() {
    let site = site();
    let from = ["migrate-store", "--from", FROM];
    for more in [
        &[][..],
        &["--to", "carrier-pigeon://x"],
        &["--to", TO, "--target-is-lost"],
        &["--to", TO, "--abandon", "--target-is-lost"],
        &["--to", TO, "--runs", TO],
    ] {
        site.run([&from[..], more].concat()).expect_code(2);
    }
    let missing = ["migrate-store", "--from", "sqlite://none.db", "--to", TO];
    site.run(missing).expect_code(2);
    assert!(!site.path("new.db").exists(), "nothing was made");
    let abandon = ["migrate-store", "--from", FROM, "--to", TO, "--abandon"];
    refused(&site, &abandon, "no_move");
    let lost = [
        "migrate-store",
        "--from",
        FROM,
        "--abandon",
        "--target-is-lost",
    ];
    refused(&site, &lost, "no_move");
}

#[test]
fn a_move_that_waits_for_what_runs_can_be_killed_and_given_up_and_begun_again() {
    let site = site();
    let slow = site.submit("slow");
    let waiting = site.submit("sync");
    let worker = site.start_worker("worker", ["--concurrency", "1"]);
    until("it runs", || site.show(&slow)["status"] == "running");
    let words = ["migrate-store", "--from", FROM, "--to", TO];
    let moving = site.start("moving", words);
    until("it waits", || {
        moving.stderr().contains("waiting for what runs")
    });
    moving.kill();
    // The worker hears of it, and lets what it runs end.
    let abandon = ["migrate-store", "--from", FROM, "--to", TO, "--abandon"];
    until("the worker stops", || {
        worker.stderr().contains("stopping, as")
    });
    site.run(abandon).expect_code(0);
    site.write("go", "");
    let ended = worker.wait();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains(TO), "{}", ended.stderr);
    assert_eq!(site.show(&slow)["outcome"], "succeeded");
    assert_eq!(site.show(&waiting)["status"], "queued");
    // The abandoned target never opens; another one takes its place.
    refused(&site, &words, "target_not_open");
    let another = [
        "migrate-store",
        "--from",
        FROM,
        "--to",
        "sqlite://another.db",
    ];
    site.run(another).expect_code(0);
}

#[test]
fn a_move_that_is_killed_while_it_waits_ends_when_it_is_begun_again() {
    let site = site();
    let slow = site.submit("slow");
    let worker = site.start_worker("worker", []);
    until("it runs", || site.show(&slow)["status"] == "running");
    let words = ["migrate-store", "--from", FROM, "--to", TO];
    for name in ["first", "second"] {
        let moving = site.start(name, words);
        until("it waits", || {
            moving.stderr().contains("waiting for what runs")
        });
        moving.kill();
    }
    let moving = site.start("interrupted", words);
    until("it waits", || {
        moving.stderr().contains("waiting for what runs")
    });
    moving.signal(Signal::SIGINT);
    let ended = moving.wait();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.stderr.contains("goes on with the move"),
        "{}",
        ended.stderr
    );
    // Its worker dies; its lease lapses, and the move rescues what it ran.
    worker.kill();
    move_house(&site);
    let run = at_new_home(&site, &["runs", "show", &slow]).remove(0);
    assert_eq!(run["failure"]["code"], "worker_lost", "{run}");
}
