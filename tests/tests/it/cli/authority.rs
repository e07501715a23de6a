//! Applying, showing and logging authority.

use serde_json::{Value, json};

use super::site;
use crate::support::{AUTHORITY, Site};

/// Something of everything that can be shown, and some things that can not be seen any more.
const FULL: &str = r#"
{"change":"define_role","role":"member","capabilities":[],"all_tenants":false}
{"change":"define_role","role":"operator","capabilities":["inventory.sync","restore.execute"],"all_tenants":false}
{"change":"define_role","role":"roamer","capabilities":["inventory.sync"],"all_tenants":true}
{"change":"set_workspace","workspace":"1","active":true}
{"change":"set_workspace","workspace":"2","active":false}
{"change":"set_tenant","tenant":"4","workspace":"1","lifecycle":"active"}
{"change":"set_tenant","tenant":"5","workspace":"1","lifecycle":"suspended"}
{"change":"set_tenant","tenant":"6","workspace":"2","lifecycle":"onboarding"}
{"change":"set_user","user":"9","active":false}
{"change":"grant","user":"7","workspace":"1","role":"member"}
{"change":"grant","user":"7","workspace":"1","tenant":"4","role":"operator","expires_at":"2030-01-01T00:00:00Z"}
{"change":"grant","user":"8","workspace":"1","tenant":"5","role":"operator"}
{"change":"grant","user":"9","workspace":"1","role":"roamer"}
{"change":"grant","user":"7","workspace":"2","role":"undefined"}
{"change":"grant","user":"10","workspace":"1","role":"member"}
{"change":"remove_user","user":"10"}
{"change":"grant","user":"8","workspace":"1","tenant":"4","role":"operator"}
{"change":"revoke","user":"8","workspace":"1","tenant":"4","role":"operator"}
{"change":"set_connection","connection":"c","tenant":"4","enabled":true}
{"change":"set_connection","connection":"d","tenant":"5","enabled":false}
{"change":"set_write_gate","workspace":"1","open":true}
{"change":"set_write_gate","workspace":"1","tenant":"4","open":false,"reason":"freeze \"soon\""}
{"change":"set_prerequisite","workspace":"1","name":"baseline","met":true}
{"change":"set_prerequisite","workspace":"1","tenant":"5","name":"baseline","met":false}
"#;

fn show<'w>(site: &Site, words: impl IntoIterator<Item = &'w str>) -> Vec<Value> {
    site.json(
        ["authority", "show", "--workspace"]
            .into_iter()
            .chain(words),
    )
}

#[test]
fn what_is_shown_makes_the_same_authority_when_it_is_applied_to_an_empty_store() {
    let full = Site::new("");
    full.apply(FULL);
    for workspace in ["1", "2"] {
        let shown = show(&full, [workspace]);
        assert!(!shown.is_empty());
        let copy = Site::new("");
        let lines: Vec<String> = shown.iter().map(Value::to_string).collect();
        copy.apply(&lines.join("\n"));
        assert_eq!(show(&copy, [workspace]), shown);
        // Plain output is the same lines, so that it can be applied as it is.
        let plain = full
            .run(["authority", "show", "--workspace", workspace])
            .expect_code(0);
        let told = full.run(["authority", "show", "--workspace", workspace, "--json"]);
        assert_eq!(plain.stdout, told.stdout);
    }
}

#[test]
fn what_is_shown_can_be_narrowed_to_a_tenant_and_a_user() {
    let site = Site::new("");
    site.apply(FULL);
    let grants = |words: &[&str]| -> Vec<(String, Value)> {
        show(&site, words.iter().copied())
            .iter()
            .filter(|change| change["change"] == "grant")
            .map(|change| {
                (
                    change["user"].as_str().unwrap().to_owned(),
                    change["tenant"].clone(),
                )
            })
            .collect()
    };
    let of = |user: &str, tenant: Value| (user.to_owned(), tenant);
    let workspaces = Value::Null;
    assert_eq!(
        grants(&["1"]),
        [
            of("7", workspaces.clone()),
            of("7", json!("4")),
            of("8", json!("5")),
            of("9", workspaces.clone()),
        ]
    );
    assert_eq!(
        grants(&["1", "--tenant", "5"]),
        [
            of("7", workspaces.clone()),
            of("8", json!("5")),
            of("9", workspaces.clone())
        ]
    );
    assert_eq!(grants(&["1", "--user", "8"]), [of("8", json!("5"))]);
    assert_eq!(grants(&["1", "--tenant", "4", "--user", "8"]), []);
    assert_eq!(show(&site, ["unknown"]), Vec::<Value>::new());
}

#[test]
fn revoking_what_was_never_granted_is_fine() {
    let site = site();
    let line = r#"{"change":"revoke","user":"nobody","workspace":"nowhere","role":"nothing"}"#;
    let told = site
        .run_with_input(["authority", "apply", "-", "--json"], line)
        .expect_code(0);
    assert_eq!(told.objects(), [json!({"applied": 1})]);
}

#[test]
fn applied_counts_accepted_lines_and_empty_ones_are_none() {
    let site = Site::new("");
    let told = site
        .run_with_input(
            ["authority", "apply", "-", "--json"],
            &format!("\n{AUTHORITY}\n\n"),
        )
        .expect_code(0);
    assert_eq!(told.objects(), [json!({"applied": 9})]);
    let told = site
        .run_with_input(["authority", "apply", "-", "--json"], "")
        .expect_code(0);
    assert_eq!(told.objects(), [json!({"applied": 0})]);
}

#[test]
fn the_log_says_who_changed_what_newest_first() {
    let site = Site::new("");
    let lines = r#"
{"change":"set_workspace","workspace":"1","active":true,"at":"ignored","by":"alice"}
{"change":"set_workspace","workspace":"2","active":true}
{"change":"set_workspace","workspace":"1","active":false}"#;
    site.write("changes.jsonl", lines);
    site.json(["authority", "apply", "changes.jsonl", "--by", "bob"]);
    let log = site.log();
    let told: Vec<(&Value, &Value)> = log
        .iter()
        .map(|entry| (&entry["by"], &entry["change"]["workspace"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("bob"), &json!("1")),
            (&json!("bob"), &json!("2")),
            (&json!("alice"), &json!("1"))
        ]
    );
    assert!(log[0]["seq"].as_u64() > log[1]["seq"].as_u64());
    assert_eq!(log[0]["raised"][0]["workspace"], "1");
    let only = site.json(["authority", "log", "--workspace", "2"]);
    assert_eq!(only, [log[1].clone()]);
    let newest = site.json(["authority", "log", "--limit", "1"]);
    assert_eq!(newest, [log[0].clone()]);
    let before = log[0]["seq"].to_string();
    let older = site.json(["authority", "log", "--before", &before]);
    assert_eq!(older, log[1..]);
}

#[test]
fn every_change_is_logged_with_a_revision_of_its_own() {
    let site = site();
    let again = r#"{"change":"set_workspace","workspace":"1","active":true}"#;
    site.apply(again);
    site.apply(again);
    let log = site.log();
    assert_eq!(log[0]["change"], log[1]["change"]);
    assert_ne!(
        log[0]["raised"], log[1]["raised"],
        "what was decided before must not start"
    );
}
