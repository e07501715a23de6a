//! The three scenarios that the pattern comes from, at the ports: what the record says, to the letter,
//! and that a handler is entered when, and only when, a start has committed.

use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_domain::{OperationRun, RunOutcome, RunStatus};
use countersign_ports::{Begun, Finish, Start, Work};
use serde_json::{Value, json as value};

use crate::Ports;
use crate::change::set_gate;
use crate::scene::{HOME, Running, Scene, json};

/// A handler, and how often it was entered.
#[derive(Default)]
struct Handler {
    entered: AtomicUsize,
}

impl Handler {
    /// What a worker does with the answer: a permit opens the handler, nothing else does.
    async fn run(&self, scene: &Scene, begun: Begun, start: &Start) -> Option<&'static str> {
        let Begun::Started(permit) = begun else {
            return None;
        };
        let entry = permit.enter().expect("in time");
        self.entered.fetch_add(1, Ordering::SeqCst);
        let status = scene.load(entry.run()).await.status;
        assert_eq!(status, RunStatus::Running, "before the handler is entered");
        let running = Running {
            key: entry.run().clone(),
            lease_id: start.lease_id(),
        };
        let finish = Finish {
            result: Some(json(r#""done""#)),
            ..running.finish(Work::Succeeded)
        };
        scene.finish(finish).await;
        Some("done")
    }
}

async fn execute(
    scene: &Scene,
    submission: countersign_domain::Submission,
) -> (Option<&'static str>, usize, OperationRun) {
    let key = scene.submit(submission).await;
    let delivery = scene.receive_soon().await;
    assert_eq!(delivery.run, key);
    let start = [scene.judge(&key).await];
    let begun = scene.ports.runs.begin(&start).await.unwrap().remove(0);
    let handler = Handler::default();
    let returned = handler.run(scene, begun, &start[0]).await;
    scene.settle(&delivery).await;
    let entered = handler.entered.load(Ordering::SeqCst);
    (returned, entered, scene.load(&key).await)
}

fn record_of(run: &OperationRun) -> Value {
    serde_json::from_str(&serde_json::to_string(run).unwrap()).unwrap()
}

fn checks(record: &Value) -> Vec<&str> {
    [
        "workspace_scope",
        "tenant_scope",
        "capability",
        "tenant_operability",
        "execution_prerequisites",
    ]
    .map(|check| {
        let checks = &record["context"]["execution_legitimacy"]["checks"];
        checks[check].as_str().unwrap()
    })
    .to_vec()
}

/// Scenario 1: denied for a missing capability.
pub async fn a_run_without_the_capability_is_blocked_and_its_handler_never_runs(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let (returned, entered, run) = execute(&scene, HOME.denied()).await;
    assert_eq!((returned, entered), (None, 0));
    assert_eq!(
        (run.status, run.outcome),
        (RunStatus::Completed, RunOutcome::Blocked)
    );
    let record = record_of(&run);
    assert_eq!(record["status"], "completed");
    assert_eq!(record["outcome"], "blocked");
    assert_eq!(record["started_at"], Value::Null);
    let context = &record["context"];
    assert_eq!(context["blocked_by"], "queued_execution_legitimacy");
    assert_eq!(context["reason_code"], "missing_capability");
    let legitimacy = &context["execution_legitimacy"];
    assert_eq!(legitimacy["reason_code"], "missing_capability");
    assert_eq!(legitimacy["denial_class"], "capability");
    assert_eq!(legitimacy["allowed"], false);
    assert_eq!(legitimacy["required_capability"], "inventory.sync");
    let consistency = match ports.are_apart() {
        true => "bounded",
        false => "fenced",
    };
    assert_eq!(legitimacy["authority"]["consistency"], consistency);
    assert_eq!(
        checks(&record),
        [
            "passed",
            "passed",
            "failed",
            "not_applicable",
            "not_applicable"
        ]
    );
}

/// Scenario 2: legitimate.
pub async fn a_legitimate_run_is_running_before_its_handler_and_succeeds(ports: &Ports) {
    let scene = Scene::home(ports).await;
    let (returned, entered, run) = execute(&scene, HOME.sync()).await;
    assert_eq!((returned, entered), (Some("done"), 1));
    let record = record_of(&run);
    assert_eq!(record["status"], "completed");
    assert_eq!(record["outcome"], "succeeded");
    assert!(record["started_at"].is_string());
    assert!(record["completed_at"].is_string());
    assert_eq!(record["result"], "done");
    let context = &record["context"];
    assert_eq!(context.get("blocked_by"), None);
    assert_eq!(context.get("reason_code"), None);
    let legitimacy = &context["execution_legitimacy"];
    assert_eq!(legitimacy["allowed"], true);
    assert_eq!(legitimacy["reason_code"], Value::Null);
    assert_eq!(
        legitimacy["target_scope"],
        value!({
            "workspace_id": HOME.workspace,
            "tenant_id": HOME.tenant,
            "provider_connection_id": null,
        })
    );
    assert_eq!(
        checks(&record),
        ["passed", "passed", "passed", "passed", "not_applicable"]
    );
}

/// Scenario 3: the write gate is closed, and the run is blocked before anything marks it running.
pub async fn a_run_behind_a_closed_write_gate_is_blocked_before_it_runs(ports: &Ports) {
    let scene = Scene::home(ports).await;
    for gate in [None, Some(HOME.tenant)] {
        scene.apply(&[set_gate(HOME.workspace, gate, false)]).await;
        let (returned, entered, run) = execute(&scene, HOME.restore()).await;
        assert_eq!((returned, entered), (None, 0));
        let record = record_of(&run);
        assert_eq!(record["outcome"], "blocked");
        assert_eq!(record["started_at"], Value::Null);
        let context = &record["context"];
        assert_eq!(context["blocked_by"], "queued_execution_legitimacy");
        assert_eq!(context["reason_code"], "write_gate_blocked");
        let legitimacy = &context["execution_legitimacy"];
        assert_eq!(legitimacy["reason_code"], "write_gate_blocked");
        assert_eq!(legitimacy["retryable"], true);
        let observed = &legitimacy["observed"]["write_gate"];
        assert_eq!(observed["reason"], "change freeze");
        assert_eq!(
            checks(&record),
            ["passed", "passed", "passed", "passed", "failed"]
        );
        scene.apply(&[set_gate(HOME.workspace, gate, true)]).await;
    }
    let (returned, entered, _run) = execute(&scene, HOME.restore()).await;
    assert_eq!((returned, entered), (Some("done"), 1), "once it is open");
}
