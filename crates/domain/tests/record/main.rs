//! Proves the shape of what is kept with a run: the three source scenarios of the contract and a
//! deny found under way, to the letter; the bounds of `observed`; and that what a store has garbled
//! is an error and never a verdict.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a record that cannot be made has failed"
)]

use std::collections::BTreeMap;

use countersign_domain::{
    Continuity, ContinuityRecord, ExecutionContext, JsonText, OperationRun, ReasonCode, RunEvent,
    RunOutcome, RunStatus, SubmittedContext, Timestamp, decide, resolve,
};
use serde_json::{Map, Value};

mod bounds;
#[path = "../support/golden.rs"]
mod golden;
mod runs;
#[path = "../support/scenario.rs"]
mod scenario;

use runs::{
    FREEZE, OPERATOR, VIEWER, authority, inventory_sync, judged, queued, record, restore, take,
    time,
};
use scenario::Scenario;

/// The keys of a run (contract, part 7), and those that this version adds.
const RUN_KEYS: [&str; 26] = [
    "id",
    "workspace_id",
    "tenant_id",
    "initiator",
    "authority_mode",
    "type",
    "provider_connection_id",
    "status",
    "outcome",
    "context",
    "result",
    "failure",
    "cancel",
    "priority",
    "unique_key",
    "chain_id",
    "attempt",
    "retry_of",
    "queued_at",
    "due_at",
    "started_at",
    "completed_at",
    "output",
    "queue_name",
    "requested_by",
    "undecided_since",
];

/// The keys of `context.execution_legitimacy` (contract, part 7).
const RECORD_KEYS: [&str; 17] = [
    "v",
    "decision_id",
    "allowed",
    "reason_code",
    "denial_class",
    "retryable",
    "operation_type",
    "authority_mode",
    "initiator",
    "required_capability",
    "target_scope",
    "checks",
    "observed",
    "authority",
    "worker",
    "catalog",
    "decided_at",
];

/// The run as JSON, after a look at its keys, held against its golden file.
fn compare(name: &str, run: &OperationRun) -> Value {
    let value = serde_json::to_value(run).unwrap();
    assert_eq!(keys(&value), sorted(&RUN_KEYS));
    assert_eq!(
        keys(&value["context"]["execution_legitimacy"]),
        sorted(&RECORD_KEYS)
    );
    let pretty = serde_json::to_string_pretty(&with_sorted_keys(value.clone())).unwrap();
    golden::compare(name, &(pretty + "\n"));
    value
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

fn sorted<'a>(keys: &[&'a str]) -> Vec<&'a str> {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys
}

/// The same document whatever order the features of `serde_json` keep keys in.
fn with_sorted_keys(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let sorted: BTreeMap<String, Value> = entries.into_iter().collect();
            let sorted = sorted.into_iter().map(|(k, v)| (k, with_sorted_keys(v)));
            Value::Object(sorted.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(with_sorted_keys).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[test]
fn a_run_denied_for_a_missing_capability() {
    let run = judged(inventory_sync(), &authority(&[VIEWER]));
    let run = compare("run_missing_capability.json", &run);
    assert_eq!(run["status"], "completed");
    assert_eq!(run["outcome"], "blocked");
    assert_eq!(run["started_at"], Value::Null);
    let context = &run["context"];
    assert_eq!(context["blocked_by"], "queued_execution_legitimacy");
    assert_eq!(context["reason_code"], "missing_capability");
    let record = &context["execution_legitimacy"];
    assert_eq!(record["reason_code"], "missing_capability");
    assert_eq!(record["denial_class"], "capability");
    let passed_until_capability = serde_json::json!({
        "workspace_scope": "passed",
        "tenant_scope": "passed",
        "capability": "failed",
        "tenant_operability": "not_applicable",
        "execution_prerequisites": "not_applicable",
    });
    assert_eq!(record["checks"], passed_until_capability);
}

#[test]
fn a_legitimate_run() {
    let mut run = judged(inventory_sync(), &authority(&[VIEWER, OPERATOR]));
    assert_eq!(run.status, RunStatus::Running);
    take(&mut run, RunEvent::Finish(RunOutcome::Succeeded));
    run.result = Some(JsonText::canonical(r#"{"synced": 3}"#).unwrap());
    run.completed_at = Some(time("2026-03-01T12:00:09Z"));
    let run = compare("run_legitimate.json", &run);
    assert_eq!(run["outcome"], "succeeded");
    assert_eq!(run["result"]["synced"], 3);
    assert!(run["context"].get("blocked_by").is_none());
    assert!(run["context"].get("reason_code").is_none());
    let record = &run["context"]["execution_legitimacy"];
    assert_eq!(record["reason_code"], Value::Null);
    assert_eq!(record["denial_class"], Value::Null);
    assert_eq!(record["retryable"], false);
    assert_eq!(record["checks"]["tenant_operability"], "passed");
    assert_eq!(
        record["checks"]["execution_prerequisites"],
        "not_applicable"
    );
}

#[test]
fn a_run_blocked_by_a_write_gate() {
    let run = judged(restore(), &authority(&[VIEWER, OPERATOR, FREEZE]));
    let run = compare("run_write_gate_blocked.json", &run);
    assert_eq!(run["started_at"], Value::Null);
    assert_eq!(run["context"]["reason_code"], "write_gate_blocked");
    let record = &run["context"]["execution_legitimacy"];
    assert_eq!(record["reason_code"], "write_gate_blocked");
    assert_eq!(record["checks"]["tenant_operability"], "passed");
    assert_eq!(record["checks"]["execution_prerequisites"], "failed");
    assert_eq!(record["observed"]["write_gate"]["reason"], "change freeze");
}

#[test]
fn a_run_cancelled_because_authority_went_away_under_way() {
    let mut run = judged(inventory_sync(), &authority(&[VIEWER, OPERATOR]));
    let context = ExecutionContext::of(&run, inventory_sync().into());
    let rows = authority(&[VIEWER]).rows(&context.query());
    let facts = resolve(&context.query(), &rows, time("2026-03-01T12:00:07Z"));
    let denied = ContinuityRecord::new(&context, &facts, &decide(&context, &facts)).unwrap();
    assert_eq!(denied.action, Continuity::Cancel);
    run.continuity = Some(JsonText::of(&denied).unwrap());
    take(&mut run, RunEvent::Finish(RunOutcome::Cancelled));
    run.completed_at = Some(time("2026-03-01T12:00:08Z"));
    let run = compare("run_continuity_cancelled.json", &run);
    assert_eq!(run["context"]["execution_legitimacy"]["allowed"], true);
    assert_eq!(
        run["context"]["continuity"]["reason_code"],
        "missing_capability"
    );
    assert!(run["context"].get("blocked_by").is_none());
}

#[test]
fn an_allow_under_way_leaves_no_continuity_record() {
    let scenario = Scenario::permitted();
    let facts = scenario.facts();
    let decision = decide(&scenario.context, &facts);
    assert_eq!(
        ContinuityRecord::new(&scenario.context, &facts, &decision),
        None
    );
}

#[test]
fn every_record_round_trips() {
    let denied = ReasonCode::ALL.iter().map(|&code| Scenario::denied(code));
    let permitted = [Scenario::permitted(), Scenario::permitted_to_the_system()];
    for scenario in permitted.into_iter().chain(denied) {
        let (decision, record) = record(&scenario.context, &scenario.rows(), Timestamp::UNIX_EPOCH);
        let text = JsonText::of(&record).unwrap();
        let mut run = queued(&restore());
        run.decision = Some(text);
        assert_eq!(run.decision_record(), Ok(Some(record.clone())));
        assert_eq!(record.allowed, decision.is_allowed());
        assert_eq!(record.reason_code, decision.reason());
        if let Some(denied) = ContinuityRecord::new(&scenario.context, &scenario.facts(), &decision)
        {
            let text = serde_json::to_string(&denied).unwrap();
            assert_eq!(
                serde_json::from_str::<ContinuityRecord>(&text).unwrap(),
                denied
            );
        }
    }
}

/// Whether the submitter said something or nothing, what was decided stands beside it.
#[test]
fn a_context_of_nothing_has_what_was_decided() {
    let mut run = judged(inventory_sync(), &authority(&[VIEWER]));
    run.context = SubmittedContext::default();
    let merged: Map<String, Value> =
        serde_json::from_str(run.merged_context().unwrap().as_str()).unwrap();
    let keys: Vec<&str> = merged.keys().map(String::as_str).collect();
    assert_eq!(keys, ["blocked_by", "execution_legitimacy", "reason_code"]);
}

/// A record that a store has garbled is an error: never a verdict, never half a record.
#[test]
fn garbled_records_are_errors() {
    let scenario = Scenario::denied(ReasonCode::WriteGateBlocked);
    let (_, record) = record(&scenario.context, &scenario.rows(), Timestamp::UNIX_EPOCH);
    let whole = serde_json::to_string(&record).unwrap();
    let read = |text: &str| {
        let mut run = queued(&restore());
        run.outcome = RunOutcome::Blocked;
        run.decision = Some(JsonText::stored(text)?);
        let read = run.decision_record();
        assert_eq!(read.is_ok(), run.merged_context().is_ok());
        read
    };
    assert_eq!(read(&whole), Ok(Some(record)));

    for end in 0..whole.len() {
        assert!(read(&whole[..end]).is_err(), "cut at byte {end}");
    }
    let replacements = [
        ("\"write_gate_blocked\"", "\"write_gate_shut\""),
        ("\"write_gate_blocked\"", "7"),
        ("\"denial_class\":\"exec", "\"denial_class\":\"exek"),
        ("\"passed\"", "\"maybe\""),
        ("\"allowed\":false", "\"allowed\":\"false\""),
        ("\"allowed\":false", "\"permitted\":false"),
        ("\"actor_bound\"", "\"root\""),
        ("\"user-7\"", "\"\""),
        ("\"active\"", "\"alive\""),
        ("\"fenced\"", "\"loose\""),
        ("12-0000", "12-000"),
        ("1970-01-01T", "yesterday "),
        ("\"v\":1", "\"v\":-1"),
    ];
    for (from, to) in replacements {
        assert!(whole.contains(from), "{from}");
        let garbled = whole.replacen(from, to, 1);
        assert!(read(&garbled).is_err(), "{from} to {to}");
    }
    for text in ["null", "[]", "{}", "\"allowed\"", "1"] {
        assert!(read(text).is_err(), "{text}");
    }
}
