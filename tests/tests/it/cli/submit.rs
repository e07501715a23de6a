//! Queueing runs: order, ids, unique keys, preflight.

use serde_json::{Value, json};

use super::{ALLOWED, DENIED, site};
use crate::support::{Site, ids_of};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// A line for one run with these further keys.
fn with(keys: &str) -> String {
    format!("{}{keys}}}", ALLOWED.trim_end_matches('}'))
}

#[test]
fn runs_of_a_file_are_answered_in_input_order() {
    const RUNS: usize = 2500;
    let site = site();
    let lines: Vec<String> = (0..RUNS)
        .map(|at| with(&format!(r#","context":{{"at":{at}}}"#)))
        .collect();
    let ids = site.submit_lines(&lines.join("\n"));
    assert_eq!(ids.len(), RUNS);
    for at in [0, 999, 1000, RUNS - 1] {
        assert_eq!(site.show(&ids[at])["context"]["at"], at);
    }
}

#[test]
fn submitting_again_under_the_same_id_names_the_same_run() {
    let site = site();
    let line = with(&format!(r#","id":"{ID}""#));
    let first = site
        .run_with_input(["submit", "--file", "-", "--json"], &line)
        .expect_code(0);
    assert_eq!(first.objects(), [json!({ "id": ID })]);
    let words = [
        "submit",
        "--workspace",
        "1",
        "--tenant",
        "4",
        "--user",
        "7",
        "--type",
        "inventory_sync",
        "--id",
        ID,
    ];
    assert_eq!(site.json(words), [json!({ "id": ID, "existing": true })]);
    // Twice in one file, and after the run is completed.
    site.drain();
    let twice = format!("{line}\n{line}");
    let told = site
        .run_with_input(["submit", "--file", "-", "--json"], &twice)
        .expect_code(0);
    assert_eq!(
        told.objects(),
        vec![json!({ "id": ID, "existing": true }); 2]
    );
    assert_eq!(site.runs().len(), 1);
}

#[test]
fn an_id_that_belongs_to_another_run_is_refused_and_its_neighbours_are_queued() {
    let site = site();
    site.submit_lines(&with(&format!(r#","id":"{ID}""#)));
    let taken = DENIED.replace('}', &format!(r#","id":"{ID}"}}"#));
    let told = site
        .run_with_input(
            ["submit", "--file", "-", "--json"],
            &format!("{ALLOWED}\n{taken}\n{ALLOWED}"),
        )
        .expect_code(3);
    // A line for each, in input order, so that a reader can tell which is which.
    let answers = told.objects();
    assert_eq!(answers[1], json!({ "id": ID, "id_taken": true }));
    assert!(answers.len() == 3 && answers[0].get("id_taken").is_none());
    let error = told.error();
    assert_eq!(
        (&error["code"], &error["line"], &error["field"]),
        (&json!("id_taken"), &json!(2), &json!("id"))
    );
    assert_eq!(site.show(ID)["initiator"], "7");
    assert_eq!(site.runs().len(), 3);
}

#[test]
fn a_unique_key_is_held_by_one_unfinished_run_and_the_holder_is_named() {
    let site = site();
    let line = with(r#","unique":"nightly""#);
    let holder = site.submit_lines(&line).remove(0);
    let again = |line: &str| {
        let told = site
            .run_with_input(["submit", "--file", "-", "--json"], line)
            .expect_code(0);
        told.objects().remove(0)
    };
    assert_eq!(again(&line), json!({ "id": holder, "existing": true }));
    // Another tenant, operation or key holds its own.
    for other in [
        line.replace(r#""tenant":"4""#, r#""tenant":"5""#),
        line.replace("inventory_sync", "restore.execute"),
        line.replace("nightly", "weekly"),
    ] {
        assert_eq!(again(&other).get("existing"), None, "{other}");
    }
    site.drain();
    let next = again(&line);
    assert_eq!(next.get("existing"), None, "the holder is completed");
    assert_ne!(next["id"], json!(holder));
}

#[test]
fn words_and_lines_mean_the_same() {
    let site = site();
    let line = r#"{"workspace":"1","tenant":"4","user":"7","type":"inventory_sync","connection":"c","context":{"b":1,"a":[]},"at":"2030-01-01T00:00:00Z","priority":-7,"unique":"line","queue_name":"slow"}"#;
    let words = site.json([
        "submit",
        "--workspace",
        "1",
        "--tenant",
        "4",
        "--user",
        "7",
        "--type",
        "inventory_sync",
        "--connection",
        "c",
        "--context",
        r#"{"b":1,"a":[]}"#,
        "--at",
        "2030-01-01T00:00:00Z",
        "--priority",
        "-7",
        "--unique",
        "words",
        "--queue-name",
        "slow",
    ]);
    let lines = site.submit_lines(line);
    let essence = |id: &str| {
        let mut run = site.show(id);
        for key in ["id", "chain_id", "queued_at", "unique_key"] {
            assert!(run[key].take().is_string());
        }
        run
    };
    let run = essence(&ids_of(&words)[0]);
    assert_eq!(run, essence(&lines[0]));
    assert_eq!(run["due_at"], "2030-01-01T00:00:00.000000Z");
    assert_eq!(
        (&run["priority"], &run["queue_name"]),
        (&json!(-7), &json!("slow"))
    );
    assert_eq!(run["provider_connection_id"], "c");
    assert_eq!(run["context"], json!({"a": [], "b": 1}));
}

#[test]
fn a_queued_run_has_every_key_of_the_record_with_null_where_there_is_nothing() {
    let site = site();
    let run = site.show(&site.submit("inventory_sync"));
    for (key, value) in [
        ("status", json!("queued")),
        ("outcome", json!("pending")),
        ("context", json!({})),
        ("authority_mode", json!("actor_bound")),
        ("attempt", json!(1)),
        ("priority", json!(0)),
        ("provider_connection_id", Value::Null),
        ("result", Value::Null),
        ("failure", Value::Null),
        ("cancel", Value::Null),
        ("unique_key", Value::Null),
        ("retry_of", Value::Null),
        ("started_at", Value::Null),
        ("completed_at", Value::Null),
    ] {
        assert_eq!(run.get(key), Some(&value), "{key}");
    }
    assert_eq!(run["chain_id"], run["id"]);
    assert_eq!(run["due_at"], run["queued_at"]);
}

#[test]
fn system_runs_have_no_initiator() {
    let site = site();
    let told = site.json([
        "submit",
        "--workspace",
        "1",
        "--tenant",
        "4",
        "--system",
        "--type",
        "inventory_sync",
    ]);
    let run = site.show(&ids_of(&told)[0]);
    assert_eq!(
        (&run["authority_mode"], &run["initiator"]),
        (&json!("system"), &Value::Null)
    );
}

#[test]
fn preflight_refuses_what_the_gate_would_deny_and_then_queues_nothing() {
    let site = site();
    let submit = ["submit", "--preflight", "--file", "-", "--json"];
    let told = site
        .run_with_input(submit, &format!("{ALLOWED}\n{DENIED}"))
        .expect_code(3);
    assert_eq!(told.stdout, "");
    let error = told.error();
    assert_eq!(
        (&error["code"], &error["line"]),
        (&json!("missing_capability"), &json!(2))
    );
    assert_eq!(site.runs().len(), 0);
    site.run_with_input(submit, ALLOWED).expect_code(0);
    assert_eq!(site.runs().len(), 1);
    // Without it, authority is not judged at submission.
    site.submit_lines(DENIED);
    assert_eq!(site.runs().len(), 2);
}

#[test]
fn without_a_configuration_every_operation_is_accepted() {
    let site = Site::bare();
    site.run(["migrate"]).expect_code(0);
    let unheard = ALLOWED.replace("inventory_sync", "unheard_of");
    assert_eq!(site.submit_lines(&unheard).len(), 1);
}
