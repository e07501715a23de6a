//! The runs and the authority of the source scenarios (contract, part 1).

use countersign_domain::{
    AttributedChange, AuthorityMode, AuthorityRows, AuthorityStamp, AuthorityState, Consistency,
    Decision, DecisionId, DecisionRecord, ExecutionContext, JsonText, Operation, OperationRun,
    QueueName, RecordContext, Revision, RulingText, RunEvent, RunId, RunOutcome, RunStatus,
    ScopeRevision, SubmittedContext, Timestamp, WorkerName, decide, resolve, transition,
};

pub(crate) const VIEWER: &str = r#"
{"change":"define_role","role":"viewer","capabilities":["inventory.view"],"all_tenants":true}
{"change":"set_workspace","workspace":"1","active":true}
{"change":"set_tenant","tenant":"4","workspace":"1","lifecycle":"active"}
{"change":"grant","user":"7","workspace":"1","role":"viewer"}
"#;

pub(crate) const OPERATOR: &str = r#"
{"change":"define_role","role":"operator","capabilities":["inventory.sync","restore.execute"],"all_tenants":false}
{"change":"grant","user":"7","workspace":"1","tenant":"4","role":"operator","expires_at":"2026-03-02T00:00:00Z"}
"#;

pub(crate) const FREEZE: &str = r#"
{"change":"set_write_gate","workspace":"1","open":false,"reason":"change freeze"}
"#;

pub(crate) fn authority(parts: &[&str]) -> AuthorityState {
    let mut state = AuthorityState::default();
    for line in parts.iter().flat_map(|part| part.lines()) {
        if !line.is_empty() {
            state.apply(&AttributedChange::parse(line).unwrap().change);
        }
    }
    state
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn inventory_sync() -> Operation {
    Operation::new("inventory_sync".parse().unwrap()).needing("inventory.sync".parse().unwrap())
}

pub(crate) fn restore() -> Operation {
    Operation::new("restore.execute".parse().unwrap())
        .needing("restore.execute".parse().unwrap())
        .writing()
}

pub(crate) fn queued(operation: &Operation) -> OperationRun {
    OperationRun {
        id: RunId::EXAMPLE,
        workspace_id: "1".parse().unwrap(),
        tenant_id: "4".parse().unwrap(),
        initiator: Some("7".parse().unwrap()),
        authority_mode: AuthorityMode::ActorBound,
        operation_type: operation.name.clone(),
        provider_connection_id: None,
        status: RunStatus::Queued,
        outcome: RunOutcome::Pending,
        context: SubmittedContext::parse(r#"{"ticket": "OPS-12", "dry": [1.50, 2]}"#).unwrap(),
        decision: None,
        continuity: None,
        result: None,
        output: None,
        failure: None,
        cancel: None,
        priority: 0,
        unique_key: None,
        chain_id: RunId::EXAMPLE,
        attempt: 1,
        retry_of: None,
        requested_by: None,
        queue_name: QueueName::standard(),
        queued_at: time("2026-03-01T12:00:00Z"),
        due_at: time("2026-03-01T12:00:00Z"),
        started_at: None,
        completed_at: None,
        undecided_since: None,
    }
}

fn record_context(worker: &WorkerName) -> RecordContext<'_> {
    RecordContext {
        authority: AuthorityStamp {
            consistency: Consistency::Fenced,
            scopes: [ScopeRevision {
                workspace: "1".parse().unwrap(),
                revision: Revision::new(12, 0xabc),
            }]
            .into_iter()
            .collect(),
            max_age_ms: None,
        },
        worker,
        catalog: "0123456789abcdef",
    }
}

pub(crate) fn record(
    context: &ExecutionContext,
    rows: &AuthorityRows,
    as_of: Timestamp,
) -> (Decision, DecisionRecord) {
    let facts = resolve(&context.query(), rows, as_of);
    let decision = decide(context, &facts);
    let worker = "worker-a".parse().unwrap();
    let id: DecisionId = "00000000-0000-4000-8000-000000000009".parse().unwrap();
    let record = DecisionRecord::new(id, context, &facts, &decision, record_context(&worker));
    let ruling = RulingText::of(context, &facts, &decision, record_context(&worker)).unwrap();
    assert_eq!(ruling.record(id), JsonText::of(&record).unwrap());
    (decision, record)
}

/// The run after the gate: blocked, or started.
pub(crate) fn judged(operation: Operation, state: &AuthorityState) -> OperationRun {
    let mut run = queued(&operation);
    let as_of = time("2026-03-01T12:00:05.000250Z");
    let context = ExecutionContext::of(&run, operation.into());
    let (decision, record) = record(&context, &state.rows(&context.query()), as_of);
    run.decision = Some(JsonText::of(&record).unwrap());
    if decision.is_allowed() {
        take(&mut run, RunEvent::Start);
        run.started_at = Some(as_of);
    } else {
        take(&mut run, RunEvent::Block);
        run.completed_at = Some(as_of);
    }
    run
}

pub(crate) fn take(run: &mut OperationRun, event: RunEvent) {
    (run.status, run.outcome) = transition(run.status, event).unwrap();
}
