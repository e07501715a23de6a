//! The scenarios through the real binary.

use serde_json::{Value, json};

use super::{assert_denied_for_missing_capability, assert_legitimate, assert_write_gate_blocked};
use crate::support::{AUTHORITY, Site};

/// Each command leaves a file behind, as proof that it ran.
const CONFIG: &str = r#"
[operations.inventory_sync]
capability = "inventory.sync"
command = ["sh", "-c", "cat > stdin.json; echo '{\"synced\": 17}'"]

[operations."restore.execute"]
capability = "restore.execute"
writes = true
command = ["sh", "-c", "touch restored"]
"#;

fn site() -> Site {
    let site = Site::new(CONFIG);
    site.apply(AUTHORITY);
    site
}

#[test]
fn a_run_denied_for_a_missing_capability_is_blocked_and_its_command_never_runs() {
    let site = site();
    let submitted = site.json([
        "submit",
        "--workspace",
        "1",
        "--tenant",
        "4",
        "--user",
        "8",
        "--type",
        "inventory_sync",
    ]);
    let id = submitted[0]["id"].as_str().unwrap();
    let report = site.drain();
    assert_eq!(
        (&report["blocked"], &report["started"]),
        (&json!(1), &json!(0))
    );
    assert!(!site.path("stdin.json").exists());
    assert_denied_for_missing_capability(&site.show(id));
}

#[test]
fn a_legitimate_run_is_running_before_its_command_and_the_commands_value_comes_back() {
    let site = site();
    let id = site.submit("inventory_sync");
    let report = site.drain();
    assert_eq!(report["succeeded"], 1);
    let run = site.show(&id);
    assert_legitimate(&run);
    assert_eq!(run["result"], json!({"synced": 17}));
    let seen: Value = serde_json::from_str(&site.lines("stdin.json").concat()).unwrap();
    assert_eq!(seen["id"], json!(id));
    assert_eq!(seen["status"], "running");
    assert_eq!(seen["started_at"], run["started_at"]);
}

#[test]
fn a_run_at_a_closed_write_gate_is_blocked_before_anything_marks_it_running() {
    let site = site();
    let id = site.submit("restore.execute");
    site.apply(r#"{"change":"set_write_gate","workspace":"1","tenant":"4","open":false}"#);
    site.drain();
    assert!(!site.path("restored").exists());
    assert_write_gate_blocked(&site.show(&id));
}
