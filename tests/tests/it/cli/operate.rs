//! Preparing and checking stores, and working.

use serde_json::{Value, json};

use super::{ALLOWED, CONFIG, DENIED, site};
use crate::support::{AUTHORITY, Site};

#[test]
fn migrating_again_does_nothing() {
    let site = Site::bare();
    let first = site.json(["migrate"]).remove(0);
    let second = site.json(["migrate"]).remove(0);
    assert_eq!(first["from"], Value::Null);
    assert!(first["to"].as_i64().unwrap() >= 1);
    assert_eq!(
        (&second["from"], &second["to"]),
        (&first["to"], &first["to"])
    );
    assert_eq!(first["store"], "sqlite://countersign.db");
}

#[test]
fn every_store_that_is_named_is_prepared_once() {
    let site = Site::bare();
    let told = site.json(["migrate", "--queue", "sqlite://queue.db"]);
    let stores: Vec<&Value> = told.iter().map(|one| &one["store"]).collect();
    assert_eq!(stores, ["sqlite://countersign.db", "sqlite://queue.db"]);
    assert!(site.path("queue.db").exists());
}

#[test]
fn a_prepared_store_is_found_in_order() {
    let site = site();
    let findings = site.json(["doctor"]);
    assert!(findings.len() >= 5);
    for finding in &findings {
        assert_ne!(finding["severity"], "error", "{finding}");
        assert_eq!(finding["store"], "sqlite://countersign.db");
    }
    for code in ["journal_mode", "synchronous", "guards", "integrity"] {
        assert!(
            findings.iter().any(|finding| finding["code"] == code),
            "{code}"
        );
    }
}

#[test]
fn a_drain_that_blocked_and_failed_runs_is_done_and_says_what_it_left() {
    let site = Site::new(
        r#"
        [operations.inventory_sync]
        capability = "inventory.sync"
        max_attempts = 1
        command = ["sh", "-c", "exit 7"]
        [operations.elsewhere]
        "#,
    );
    site.apply(AUTHORITY);
    let later = ALLOWED.replace('}', r#","at":"2099-01-01T00:00:00Z"}"#);
    let elsewhere = ALLOWED.replace("inventory_sync", "elsewhere");
    site.submit_lines(&format!("{ALLOWED}\n{DENIED}\n{later}\n{elsewhere}"));
    let report = site.drain();
    for (key, count) in [
        ("started", 1),
        ("failed", 1),
        ("blocked", 1),
        ("succeeded", 0),
        ("left", 2),
        ("left_due", 0),
        ("left_later", 1),
        ("left_unknown", 1),
    ] {
        assert_eq!(report[key], count, "{key}: {report}");
    }
}

#[test]
fn the_exit_code_of_a_command_decides_what_its_run_came_to() {
    let site = Site::new(
        r#"
        [operations.part]
        capability = "inventory.sync"
        command = ["sh", "-c", "echo '{\"half\":true}'; exit 3"]
        [operations.permanent]
        capability = "inventory.sync"
        permanent_exit_codes = [64]
        command = ["sh", "-c", "echo out; echo err >&2; exit 64"]
        [operations.passing]
        capability = "inventory.sync"
        backoff = "1h"
        command = ["sh", "-c", "exit 65"]
        [operations.missing]
        capability = "inventory.sync"
        max_attempts = 1
        command = ["./missing"]
        [operations.deaf]
        capability = "inventory.sync"
        command = ["true"]
        "#,
    );
    site.apply(AUTHORITY);
    let ids = ["part", "permanent", "passing", "missing", "deaf"].map(|name| site.submit(name));
    site.drain();
    let [part, permanent, passing, missing, deaf] = ids.map(|id| site.show(&id));
    assert_eq!(
        (&part["outcome"], &part["result"]),
        (&json!("partially_succeeded"), &json!({"half": true}))
    );
    assert_eq!(permanent["failure"]["code"], "handler_failed");
    assert_eq!(
        (
            &permanent["output"]["stdout"],
            &permanent["output"]["stderr"]
        ),
        (&json!("out\n"), &json!("err\n"))
    );
    assert_eq!(missing["failure"]["code"], "handler_failed");
    assert_eq!(deaf["outcome"], "succeeded");
    let runs = site.runs();
    let successors: Vec<&Value> = runs
        .iter()
        .filter(|run| !run["retry_of"].is_null())
        .collect();
    assert_eq!(
        successors.len(),
        1,
        "only the passing failure is tried again"
    );
    assert_eq!(successors[0]["retry_of"], passing["id"]);
}

#[test]
fn commands_print_nothing_into_the_workers_output_and_learn_nothing_of_its_store() {
    let site = Site::new(
        r#"
        [operations.inventory_sync]
        capability = "inventory.sync"
        command = ["sh", "-c", "env > environment; echo noise; echo noise >&2"]
        "#,
    );
    site.apply(AUTHORITY);
    let id = site.submit("inventory_sync");
    let variable = ("COUNTERSIGN_STORE", "sqlite://countersign.db");
    let told = site
        .run_with_variable(variable, ["worker", "--drain", "--json"])
        .expect_code(0);
    assert_eq!(told.objects()[0]["succeeded"], 1);
    assert_eq!(told.stderr, "");
    let environment = site.lines("environment");
    assert!(environment.contains(&format!("COUNTERSIGN_RUN_ID={id}")));
    assert!(
        environment
            .iter()
            .all(|line| !line.starts_with("COUNTERSIGN_STORE"))
    );
}

#[test]
fn the_queue_may_live_in_another_store() {
    let site = Site::bare();
    site.write("countersign.toml", CONFIG);
    let stores = ["--queue", "sqlite://queue.db"];
    site.run(["migrate"].iter().chain(&stores)).expect_code(0);
    site.run_with_input(["authority", "apply", "-"], AUTHORITY)
        .expect_code(0);
    let submit = ["submit", "--file", "-"];
    site.run_with_input(
        submit.iter().chain(&stores),
        &format!("{ALLOWED}\n{DENIED}"),
    )
    .expect_code(0);
    let report = site
        .run(["worker", "--drain", "--json"].iter().chain(&stores))
        .expect_code(0);
    let report = report.objects().remove(0);
    assert_eq!(
        (&report["succeeded"], &report["blocked"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn runs_and_authority_may_live_apart_where_an_age_was_agreed_to() {
    let site = Site::bare();
    let bounded = "\n[consistency]\nmode = \"bounded\"\nmax_age = \"30s\"\n";
    site.write("countersign.toml", &format!("{CONFIG}{bounded}"));
    let stores = ["--authority", "sqlite://authority.db"];
    site.run(["migrate"].iter().chain(&stores)).expect_code(0);
    site.run_with_input(["authority", "apply", "-"].iter().chain(&stores), AUTHORITY)
        .expect_code(0);
    let id = site.submit("inventory_sync");
    site.run(["worker", "--drain"].iter().chain(&stores))
        .expect_code(0);
    let run = site.show(&id);
    assert_eq!(run["outcome"], "succeeded");
    let authority = &run["context"]["execution_legitimacy"]["authority"];
    assert_eq!(
        (&authority["consistency"], &authority["max_age_ms"]),
        (&json!("bounded"), &json!(30_000))
    );
}
