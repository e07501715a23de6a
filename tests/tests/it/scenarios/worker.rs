//! The scenarios through a worker in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign::Report;
use countersign_domain::{Operation, RunStatus};
use serde_json::{Value, json};

use super::{assert_denied_for_missing_capability, assert_legitimate, assert_write_gate_blocked};
use crate::support::{AUTHORITY, Embedded, Handle, drained, operation};

fn restore() -> Operation {
    Operation::new("restore.execute".parse().unwrap())
        .needing("restore.execute".parse().unwrap())
        .writing()
}

async fn record(site: &Embedded, id: countersign_domain::RunId) -> Value {
    serde_json::to_value(site.run(id).await).unwrap()
}

#[tokio::test]
async fn a_run_denied_for_a_missing_capability_is_blocked_and_its_handler_never_runs() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site
        .submit_line(r#"{"workspace":"1","tenant":"4","user":"8","type":"inventory_sync"}"#)
        .await;
    let entered = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&entered);
    let worker = site.worker([operation("inventory_sync")]).handle(
        "inventory_sync".parse().unwrap(),
        Handle(move |_| {
            flag.store(true, Ordering::SeqCst);
            async { Report::succeeded().with_result(&json!("returned")) }
        }),
    );
    let report = drained(worker).await;
    assert!(!entered.load(Ordering::SeqCst));
    assert_eq!((report.tally.blocked, report.tally.started), (1, 0));
    assert_denied_for_missing_capability(&record(&site, id).await);
}

#[tokio::test]
async fn a_legitimate_run_is_running_before_its_handler_and_the_handlers_value_comes_back() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("inventory_sync").await;
    let store = site.store.clone();
    let worker = site.worker([operation("inventory_sync")]).handle(
        "inventory_sync".parse().unwrap(),
        Handle(move |execution: countersign::Execution| {
            let store = store.clone();
            async move {
                use countersign_ports::RunRepository;
                let found = store.runs().find(&[execution.run_id()]).await.unwrap();
                let run = found[0].as_ref().unwrap();
                assert_eq!(run.status, RunStatus::Running);
                assert_eq!(run.started_at, Some(execution.entry().started_at()));
                assert!(run.decision_record().unwrap().unwrap().allowed);
                Report::succeeded().with_result(&json!({"synced": 17}))
            }
        }),
    );
    drained(worker).await;
    let run = record(&site, id).await;
    assert_legitimate(&run);
    assert_eq!(run["result"], json!({"synced": 17}));
}

#[tokio::test]
async fn a_run_at_a_closed_write_gate_is_blocked_before_anything_marks_it_running() {
    let site = Embedded::new(AUTHORITY).await;
    let id = site.submit("restore.execute").await;
    site.apply(r#"{"change":"set_write_gate","workspace":"1","open":false,"reason":"freeze"}"#)
        .await;
    let entered = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&entered);
    let worker = site.worker([restore()]).handle(
        "restore.execute".parse().unwrap(),
        Handle(move |_| {
            flag.store(true, Ordering::SeqCst);
            async { Report::succeeded() }
        }),
    );
    drained(worker).await;
    assert!(!entered.load(Ordering::SeqCst));
    let run = record(&site, id).await;
    assert_write_gate_blocked(&run);
    assert_eq!(
        run["context"]["execution_legitimacy"]["observed"]["write_gate"],
        json!({"workspace": "closed", "tenant": "open", "reason": "freeze"})
    );
}
