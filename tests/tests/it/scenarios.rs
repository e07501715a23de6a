//! The three scenarios of the source, to the letter.

mod command_line;
mod worker;

use serde_json::{Value, json};

/// What the record says of a run that was denied for a missing capability.
fn assert_denied_for_missing_capability(run: &Value) {
    assert_eq!(run["type"], "inventory_sync");
    assert_eq!(run["status"], "completed");
    assert_eq!(run["outcome"], "blocked");
    assert_eq!(run["started_at"], Value::Null);
    assert_eq!(run["result"], Value::Null);
    let context = &run["context"];
    assert_eq!(context["blocked_by"], "queued_execution_legitimacy");
    assert_eq!(context["reason_code"], "missing_capability");
    let record = &context["execution_legitimacy"];
    assert_eq!(record["reason_code"], "missing_capability");
    assert_eq!(record["allowed"], false);
    assert_eq!(record["denial_class"], "capability");
    assert_eq!(
        record["checks"],
        json!({
            "workspace_scope": "passed",
            "tenant_scope": "passed",
            "capability": "failed",
            "tenant_operability": "not_applicable",
            "execution_prerequisites": "not_applicable",
        })
    );
    assert_eq!(record["target_scope"]["workspace_id"], "1");
    assert_eq!(record["target_scope"]["tenant_id"], "4");
    assert_eq!(record["initiator"], "8");
    assert_eq!(record["required_capability"], "inventory.sync");
    assert_eq!(record["authority_mode"], "actor_bound");
}

/// What the record says of a run that was legitimate.
fn assert_legitimate(run: &Value) {
    assert_eq!(run["status"], "completed");
    assert_eq!(run["outcome"], "succeeded");
    assert!(run["started_at"].is_string(), "{run}");
    assert!(run["completed_at"].is_string(), "{run}");
    let context = &run["context"];
    assert_eq!(context.get("blocked_by"), None);
    assert_eq!(context.get("reason_code"), None);
    let record = &context["execution_legitimacy"];
    assert_eq!(record["allowed"], true);
    assert_eq!(record["reason_code"], Value::Null);
    assert_eq!(record["denial_class"], Value::Null);
    assert_eq!(
        record["checks"],
        json!({
            "workspace_scope": "passed",
            "tenant_scope": "passed",
            "capability": "passed",
            "tenant_operability": "passed",
            "execution_prerequisites": "not_applicable",
        })
    );
}

/// What the record says of a run that met a closed write gate.
fn assert_write_gate_blocked(run: &Value) {
    assert_eq!(run["type"], "restore.execute");
    assert_eq!(run["status"], "completed");
    assert_eq!(run["outcome"], "blocked");
    assert_eq!(run["started_at"], Value::Null);
    assert!(run["completed_at"].is_string(), "{run}");
    let context = &run["context"];
    assert_eq!(context["blocked_by"], "queued_execution_legitimacy");
    assert_eq!(context["reason_code"], "write_gate_blocked");
    let record = &context["execution_legitimacy"];
    assert_eq!(record["reason_code"], "write_gate_blocked");
    assert_eq!(record["denial_class"], "execution_prerequisites");
    assert_eq!(
        record["checks"],
        json!({
            "workspace_scope": "passed",
            "tenant_scope": "passed",
            "capability": "passed",
            "tenant_operability": "passed",
            "execution_prerequisites": "failed",
        })
    );
}
