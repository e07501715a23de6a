//! What some changes would block, without making them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::Site;

const CONFIG: &str = r#"
[operations.sync]
capability = "sync"
command = ["true"]

[operations.write]
capability = "sync"
writes = true
command = ["true"]

[operations.connect]
connection = "required"
command = ["true"]

[operations.prepare]
prerequisites = ["baseline"]
command = ["true"]

[operations.system]
capability = "sync"
system = true
command = ["true"]
"#;

const AUTHORITY: &str = r#"
{"change":"define_role","role":"member","capabilities":[],"all_tenants":false}
{"change":"define_role","role":"syncer","capabilities":["sync"],"all_tenants":false}
{"change":"define_role","role":"roamer","capabilities":["sync"],"all_tenants":true}
{"change":"set_workspace","workspace":"w","active":true}
{"change":"set_workspace","workspace":"x","active":true}
{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"active"}
{"change":"set_tenant","tenant":"u","workspace":"w","lifecycle":"active"}
{"change":"set_tenant","tenant":"v","workspace":"x","lifecycle":"active"}
{"change":"grant","user":"ann","workspace":"w","role":"member"}
{"change":"grant","user":"ann","workspace":"w","tenant":"t","role":"syncer"}
{"change":"grant","user":"bob","workspace":"w","role":"roamer"}
{"change":"grant","user":"bob","workspace":"x","role":"roamer"}
{"change":"grant","user":"eve","workspace":"w","role":"member"}
{"change":"set_connection","connection":"c","tenant":"t","enabled":true}
{"change":"set_prerequisite","workspace":"w","tenant":"t","name":"baseline","met":true}
"#;

/// Runs of every kind, most of them allowed.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for operation in ["sync", "write", "connect", "prepare"] {
        let keys = if operation == "connect" {
            r#","connection":"c""#
        } else {
            ""
        };
        for (user, workspace, tenant) in [
            ("ann", "w", "t"),
            ("bob", "w", "t"),
            ("bob", "w", "u"),
            ("bob", "x", "v"),
            ("eve", "w", "t"),
        ] {
            lines.push(format!(
                r#"{{"workspace":"{workspace}","tenant":"{tenant}","user":"{user}","type":"{operation}"{keys}}}"#
            ));
        }
    }
    lines.push(r#"{"workspace":"w","tenant":"t","system":true,"type":"system"}"#.to_owned());
    lines
}

/// The reasons of runs, by id.
fn reasons(runs: &[Value], reason: impl Fn(&Value) -> &Value) -> BTreeMap<String, String> {
    runs.iter()
        .map(|run| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&run["id"]), text(reason(run)))
        })
        .collect()
}

/// The runs that are blocked once everything queued has been worked off.
fn blocked(site: &Site) -> BTreeMap<String, String> {
    site.drain();
    let runs = site.json(["runs", "list", "--outcome", "blocked"]);
    reasons(&runs, |run| &run["context"]["reason_code"])
}

/// Simulates, checks that nothing changed, applies, works off, and compares.
fn assert_foretold(changes: &str, at_least: usize) {
    let site = Site::new(CONFIG);
    site.apply(AUTHORITY);
    // Twice the same: one for what is so already.
    let (denied_anyway, first) = {
        let control = Site::new(CONFIG);
        control.apply(AUTHORITY);
        let ids = control.submit_lines(&lines().join("\n"));
        (blocked(&control), ids)
    };
    let ids = site.submit_lines(&lines().join("\n"));
    let before = (site.log(), site.runs());
    let told = site
        .run_with_input(["simulate", "--file", "-", "--json"], changes)
        .expect_code(0);
    let foretold = reasons(&told.objects(), |run| &run["reason_code"]);
    assert!(
        (site.log(), site.runs()) == before,
        "a simulation changes nothing"
    );
    assert!(foretold.len() >= at_least, "{changes}: {foretold:?}");

    site.apply(changes);
    let mut came_true = blocked(&site);
    // The same places in both sites: what is denied there is denied here without any change.
    for (id, control) in ids.iter().zip(&first) {
        if denied_anyway.contains_key(control) {
            came_true.remove(id);
        }
    }
    assert_eq!(foretold, came_true, "{changes}");
}

#[test]
fn a_simulation_names_exactly_the_runs_that_are_blocked_once_the_changes_are_applied() {
    for (changes, at_least) in [
        (
            r#"{"change":"revoke","user":"ann","workspace":"w","tenant":"t","role":"syncer"}"#,
            4,
        ),
        (
            r#"{"change":"revoke","user":"ann","workspace":"w","role":"member"}"#,
            4,
        ),
        (r#"{"change":"set_user","user":"bob","active":false}"#, 6),
        (r#"{"change":"remove_user","user":"bob"}"#, 6),
        (
            r#"{"change":"set_workspace","workspace":"x","active":false}"#,
            2,
        ),
        (
            r#"{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"suspended"}"#,
            8,
        ),
        (
            r#"{"change":"set_tenant","tenant":"u","workspace":"x","lifecycle":"active"}"#,
            2,
        ),
        (
            r#"{"change":"define_role","role":"roamer","capabilities":[],"all_tenants":true}"#,
            4,
        ),
        (
            r#"{"change":"define_role","role":"roamer","capabilities":["sync"],"all_tenants":false}"#,
            4,
        ),
        (
            r#"{"change":"grant","user":"ann","workspace":"w","tenant":"t","role":"syncer","expires_at":"2001-01-01T00:00:00Z"}"#,
            4,
        ),
        (
            r#"{"change":"set_connection","connection":"c","tenant":"t","enabled":false}"#,
            2,
        ),
        (
            r#"{"change":"set_connection","connection":"c","tenant":"u","enabled":true}"#,
            2,
        ),
        (
            r#"{"change":"set_write_gate","workspace":"w","open":false}"#,
            3,
        ),
        (
            r#"{"change":"set_write_gate","workspace":"w","tenant":"u","open":false}"#,
            1,
        ),
        (
            r#"{"change":"set_prerequisite","workspace":"w","tenant":"t","name":"baseline","met":false}"#,
            2,
        ),
        // Together they block nothing: what is taken is given again.
        (
            "{\"change\":\"revoke\",\"user\":\"ann\",\"workspace\":\"w\",\"tenant\":\"t\",\"role\":\"syncer\"}\n\
             {\"change\":\"grant\",\"user\":\"ann\",\"workspace\":\"w\",\"role\":\"roamer\"}",
            0,
        ),
        // And together more than one after the other.
        (
            "{\"change\":\"set_user\",\"user\":\"ann\",\"active\":false}\n\
             {\"change\":\"set_workspace\",\"workspace\":\"x\",\"active\":false}",
            5,
        ),
    ] {
        assert_foretold(changes, at_least);
    }
}

#[test]
fn one_change_can_be_given_on_the_command_line() {
    let site = Site::new(CONFIG);
    site.apply(AUTHORITY);
    site.submit_lines(&lines().join("\n"));
    let change = r#"{"change":"set_user","user":"ann","active":false}"#;
    let told = site.json(["simulate", "--change", change]);
    assert!(told.iter().all(|run| run["initiator"] == "ann"));
    assert!(
        told.iter()
            .all(|run| run["denial_class"] == "workspace_scope")
    );
    let plain = site.run(["simulate", "--change", change]).expect_code(0);
    let last = plain.stdout.lines().last().unwrap();
    assert!(
        last.starts_with(&format!("{} of {}", told.len(), lines().len())),
        "{last}"
    );
}
