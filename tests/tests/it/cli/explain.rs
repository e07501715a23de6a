//! Why a run was blocked, and which change made the difference.

use serde_json::{Value, json};

use super::{ALLOWED, DENIED, site};
use crate::support::Site;

fn explain(site: &Site, id: &str) -> Value {
    site.json(["runs", "explain", id]).remove(0)
}

fn blocked(site: &Site, changes: &str) -> Value {
    let id = site.submit("restore.execute");
    site.apply(changes);
    site.drain();
    explain(site, &id)
}

#[test]
fn a_blocked_run_is_explained_by_the_change_that_blocked_it() {
    let site = site();
    let id = site.submit("inventory_sync");
    site.apply(
        r#"
{"change":"set_workspace","workspace":"1","active":true,"by":"bystander"}
{"change":"set_user","user":"7","active":false,"by":"hr"}
{"change":"set_user","user":"8","active":false,"by":"bystander"}
"#,
    );
    site.drain();
    // What comes later is no reason.
    site.apply(r#"{"change":"revoke","user":"7","workspace":"1","role":"member","by":"late"}"#);
    let told = explain(&site, &id);
    assert_eq!(
        (&told["outcome"], &told["reason_code"]),
        (&json!("blocked"), &json!("initiator_disabled"))
    );
    let difference = &told["difference"];
    assert_eq!(difference["kind"], "change");
    assert_eq!(difference["by"], "hr");
    assert_eq!(
        difference["change"],
        json!({"change":"set_user","user":"7","active":false})
    );
    let entry = site
        .log()
        .into_iter()
        .find(|entry| entry["by"] == "hr")
        .unwrap();
    assert_eq!(
        (&difference["seq"], &difference["at"]),
        (&entry["seq"], &entry["at"])
    );
    for key in ["sentence", "remedy"] {
        assert!(!told[key].as_str().unwrap().is_empty());
    }
    let checks: Vec<(&str, &str)> = told["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| {
            (
                check["check"].as_str().unwrap(),
                check["result"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        checks,
        [
            ("workspace_scope", "failed"),
            ("tenant_scope", "not_applicable"),
            ("capability", "not_applicable"),
            ("tenant_operability", "not_applicable"),
            ("execution_prerequisites", "not_applicable"),
        ]
    );
}

#[test]
fn each_kind_of_change_is_named_where_it_made_the_difference() {
    for (change, reason) in [
        (
            json!({"change":"revoke","user":"7","workspace":"1","tenant":"4","role":"operator"}),
            "tenant_not_entitled",
        ),
        (
            json!({"change":"remove_user","user":"7"}),
            "initiator_missing",
        ),
        (
            json!({"change":"set_workspace","workspace":"1","active":false}),
            "workspace_inactive",
        ),
        (
            json!({"change":"set_tenant","tenant":"4","workspace":"1","lifecycle":"archived"}),
            "tenant_not_operable",
        ),
        (
            json!({"change":"set_tenant","tenant":"4","workspace":"2","lifecycle":"active"}),
            "workspace_mismatch",
        ),
        (
            json!({"change":"define_role","role":"operator","capabilities":[],"all_tenants":false}),
            "missing_capability",
        ),
        (
            json!({"change":"set_write_gate","workspace":"1","tenant":null,"open":false,"reason":null}),
            "write_gate_blocked",
        ),
    ] {
        let told = blocked(&site(), &change.to_string());
        assert_eq!(told["reason_code"], reason, "{change}");
        let named = &told["difference"]["change"];
        for (key, value) in change.as_object().unwrap() {
            assert_eq!(named.get(key).unwrap_or(&Value::Null), value, "{named}");
        }
    }
}

#[test]
fn a_run_that_was_never_allowed_is_explained_so() {
    let site = site();
    let id = site.submit_lines(DENIED).remove(0);
    site.drain();
    assert_eq!(
        explain(&site, &id)["difference"],
        json!({"kind": "never_allowed"})
    );
}

#[test]
fn a_run_that_was_not_denied_has_no_difference() {
    let site = site();
    let done = site.submit("inventory_sync");
    site.drain();
    let told = explain(&site, &done);
    assert_eq!(
        (&told["difference"], &told["reason_code"]),
        (&json!({"kind": "not_denied"}), &Value::Null)
    );
    let queued = site.submit_lines(ALLOWED).remove(0);
    let told = explain(&site, &queued);
    assert_eq!(
        (&told["decision"], &told["checks"]),
        (&Value::Null, &json!([]))
    );
}
