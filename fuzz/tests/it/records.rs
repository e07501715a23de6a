//! What a store held, read back: decision records, rulings, and runs that have them.

use bolero::check;
use countersign_domain::{
    AuthorityMode, DecisionRecord, JsonText, OperationRun, RulingText, RunId, RunOutcome,
    RunStatus, SubmittedContext, Timestamp,
};
use countersign_fuzz::{Edited, Language};

use crate::{complains, meaning};

const RECORDS: Language<'_> = Language {
    texts: &[
        r#"{"v":1,"decision_id":"00000000-0000-4000-8000-000000000009","allowed":false,"reason_code":"missing_capability","denial_class":"capability","retryable":false,"operation_type":"inventory_sync","authority_mode":"actor_bound","initiator":"7","required_capability":"inventory.sync","target_scope":{"workspace_id":"1","tenant_id":"4","provider_connection_id":null},"checks":{"workspace_scope":"passed","tenant_scope":"passed","capability":"failed","tenant_operability":"not_applicable","execution_prerequisites":"not_applicable"},"observed":{"workspace_active":true,"initiator_active":true,"member":true,"tenant_workspace":"1","roles":["viewer"],"lifecycle":"active","connection_tenant":null,"connection_enabled":null,"write_gate":null,"prerequisites":{}},"authority":{"consistency":"fenced","scopes":[{"workspace":"1","revision":"12-00000000000000000000000000000abc"}]},"worker":"worker-a","catalog":"0123456789abcdef","decided_at":"2026-03-01T12:00:05.000250Z"}"#,
        r#"{"v":1,"decision_id":null,"allowed":true,"reason_code":null}"#,
        "{}",
    ],
    words: &[
        r#"{"v":1,"decision_id":""#,
        r#"{"v":1,"decision_id":null,"#,
        "\"max_age_ms\":5",
        "\"bounded\"",
        "write_gate_blocked",
    ],
};

/// A record that is read is written as one that is read the same.
#[test]
fn a_record_that_is_read_is_written_the_same() {
    check!().with_type::<Edited>().for_each(|edited| {
        let text = edited.text(RECORDS);
        match serde_json::from_str::<DecisionRecord>(&text) {
            Ok(read) => {
                let written = serde_json::to_string(&read).unwrap();
                let again: DecisionRecord = serde_json::from_str(&written).expect(&written);
                assert_eq!(again, read, "{text:?}");
            }
            Err(refused) => complains(&text, &refused),
        }
    });
}

/// A record is taken apart into its id and its ruling, and those are put together again to the letter.
#[test]
fn a_record_is_its_ruling_and_its_id() {
    check!().with_type::<Edited>().for_each(|edited| {
        let text = edited.text(RECORDS);
        let Ok(record) = JsonText::stored(text.as_str()) else {
            return;
        };
        match RulingText::of_record(&record) {
            Ok((id, ruling)) => {
                let put_together = ruling.record(id);
                assert_eq!(meaning(put_together.as_str()), meaning(&text), "{text:?}");
                assert_eq!(RulingText::stored(ruling.as_str()).as_ref(), Ok(&ruling));
                assert_eq!(RulingText::of_record(&put_together), Ok((id, ruling)));
            }
            Err(refused) => complains(&text, &refused),
        }
    });
}

/// A run whose store held anything for a decision is written as the JSON it is, or not at all.
#[test]
fn a_run_with_any_decision_is_json_or_refused() {
    check!()
        .with_type::<(Edited, bool)>()
        .for_each(|(edited, blocked)| {
            let text = edited.text(RECORDS);
            let Ok(decision) = JsonText::stored(text.as_str()) else {
                return;
            };
            let run = run_with(decision, *blocked);
            match serde_json::to_string(&run) {
                Ok(written) => {
                    assert!(JsonText::stored(written.as_str()).is_ok(), "{written}");
                    let Some(read) = meaning(&written) else {
                        return;
                    };
                    let context = read.get("context").unwrap();
                    assert!(context.get("execution_legitimacy").is_some(), "{written}");
                    assert_eq!(context.get("blocked_by").is_some(), *blocked, "{written}");
                }
                Err(refused) => complains(&text, &refused),
            }
        });
}

fn run_with(decision: JsonText, blocked: bool) -> OperationRun {
    let (status, outcome) = match blocked {
        true => (RunStatus::Completed, RunOutcome::Blocked),
        false => (RunStatus::Running, RunOutcome::Pending),
    };
    OperationRun {
        id: RunId::EXAMPLE,
        workspace_id: "1".parse().unwrap(),
        tenant_id: "4".parse().unwrap(),
        initiator: Some("7".parse().unwrap()),
        authority_mode: AuthorityMode::ActorBound,
        operation_type: "inventory_sync".parse().unwrap(),
        provider_connection_id: None,
        status,
        outcome,
        context: SubmittedContext::parse(r#"{"ticket":"OPS-12"}"#).unwrap(),
        decision: Some(decision),
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
        queue_name: "default".parse().unwrap(),
        queued_at: Timestamp::UNIX_EPOCH,
        due_at: Timestamp::UNIX_EPOCH,
        started_at: None,
        completed_at: None,
        undecided_since: None,
    }
}
