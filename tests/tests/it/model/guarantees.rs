//! The guarantees, as they show in what a store holds.

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::{
    AuthorityMode, Consistency, FailureCode, OperationRun, RunId, RunOutcome, RunStatus,
};

use super::runs::Known;

/// What has to hold of every run by itself, whatever happened before.
pub(super) fn hold(run: &OperationRun, when: &str) {
    let decision = run.decision_record().unwrap();
    let allowed = decision.as_ref().map(|record| record.allowed);
    let failure = run.failure.as_ref().map(|failure| failure.code);
    let started = run.started_at.is_some();
    match (run.status, run.outcome) {
        (RunStatus::Queued, RunOutcome::Pending) => {
            assert!(!started && allowed.is_none(), "G4: {when}: {run:?}");
        }
        (RunStatus::Running, RunOutcome::Pending) => {
            assert!(started && allowed == Some(true), "G4: {when}: {run:?}");
        }
        (RunStatus::Completed, RunOutcome::Blocked) => {
            assert!(!started && allowed == Some(false), "G1: {when}: {run:?}");
        }
        (RunStatus::Completed, RunOutcome::Cancelled) => {
            assert!(run.cancel.is_some(), "cancelled by nobody: {when}: {run:?}");
            assert_eq!(started.then_some(true), allowed, "G4: {when}: {run:?}");
        }
        (RunStatus::Completed, RunOutcome::Failed) => {
            let is_undecided = failure == Some(FailureCode::AuthorityUnavailable);
            assert_eq!(started, !is_undecided, "G6: {when}: {run:?}");
            assert_eq!(started.then_some(true), allowed, "G4: {when}: {run:?}");
        }
        (RunStatus::Completed, RunOutcome::Succeeded | RunOutcome::PartiallySucceeded) => {
            assert!(started && allowed == Some(true), "G4: {when}: {run:?}");
        }
        (status, outcome) => panic!("G3: {status} and {outcome}: {when}: {run:?}"),
    }
    assert_eq!(
        run.outcome == RunOutcome::Failed,
        failure.is_some(),
        "{when}: {run:?}"
    );
    let is_completed = run.status == RunStatus::Completed;
    assert_eq!(
        is_completed,
        run.completed_at.is_some(),
        "G3: {when}: {run:?}"
    );
    assert!(
        run.queued_at <= run.started_at.unwrap_or(run.queued_at),
        "{when}: {run:?}"
    );
    assert!(
        run.started_at <= run.completed_at.or(run.started_at),
        "{when}: {run:?}"
    );
    if let Some(record) = decision {
        assert_eq!(
            record.target_scope.workspace_id, run.workspace_id,
            "G8: {when}"
        );
        assert_eq!(record.target_scope.tenant_id, run.tenant_id, "G8: {when}");
        assert_eq!(record.operation_type, run.operation_type, "G8: {when}");
        assert_eq!(record.initiator, run.initiator, "G8: {when}");
        assert_eq!(record.authority_mode, run.authority_mode, "G8: {when}");
        assert_eq!(record.allowed, record.reason_code.is_none(), "G4: {when}");
        assert_eq!(
            record.authority.consistency,
            Consistency::Fenced,
            "G2: {when}"
        );
    }
    let is_actor_bound = run.authority_mode == AuthorityMode::ActorBound;
    assert_eq!(is_actor_bound, run.initiator.is_some(), "{when}: {run:?}");
}

/// What has to hold of a run given what has happened to it: it is what the reference says, to the letter. So
/// nothing that is completed changes any more, no decision is replaced, and no run has what is another's.
pub(super) fn hold_of(run: &OperationRun, known: &Known, entered: &BTreeSet<RunId>, when: &str) {
    assert_eq!(*run, known.run, "{when}");
    let was_entered = entered.contains(&run.id);
    assert!(
        !was_entered || run.started_at.is_some(),
        "G1: entered: {when}: {run:?}"
    );
}

/// What has to hold between runs.
pub(super) fn hold_between(runs: &[OperationRun], when: &str) {
    let by_id: BTreeMap<RunId, &OperationRun> = runs.iter().map(|run| (run.id, run)).collect();
    assert_eq!(by_id.len(), runs.len(), "two runs of one id: {when}");
    let mut decisions = BTreeSet::new();
    let mut retried = BTreeSet::new();
    let mut holders = BTreeSet::new();
    for run in runs {
        if let Some(record) = run.decision_record().unwrap() {
            let is_its_own = decisions.insert(record.decision_id);
            assert!(is_its_own, "G4: a decision of two runs: {when}: {run:?}");
        }
        if let (Some(key), true) = (&run.unique_key, run.status != RunStatus::Completed) {
            let of = (&run.workspace_id, &run.tenant_id, &run.operation_type, key);
            assert!(holders.insert(of), "a key that two hold: {when}: {run:?}");
        }
        match run.retry_of {
            None => assert_eq!((run.chain_id, run.attempt), (run.id, 1), "{when}: {run:?}"),
            Some(before) => {
                assert!(retried.insert(before), "two successors: {when}: {run:?}");
                succeeds(run, by_id[&before], when);
            }
        }
    }
}

/// G3, G5: a successor is queued of a completed run alone, and by itself only of a failed one.
fn succeeds(run: &OperationRun, before: &OperationRun, when: &str) {
    assert_eq!(before.status, RunStatus::Completed, "{when}: {before:?}");
    assert_eq!(run.chain_id, before.chain_id, "{when}: {run:?}");
    assert_eq!(run.attempt, before.attempt + 1, "{when}: {run:?}");
    assert_eq!(run.workspace_id, before.workspace_id, "G8: {when}: {run:?}");
    assert_eq!(run.tenant_id, before.tenant_id, "G8: {when}: {run:?}");
    assert_eq!(run.initiator, before.initiator, "{when}: {run:?}");
    assert_eq!(run.authority_mode, before.authority_mode, "{when}: {run:?}");
    if run.requested_by.is_none() {
        assert_eq!(before.outcome, RunOutcome::Failed, "{when}: {before:?}");
        assert!(before.started_at.is_some(), "{when}: {before:?}");
    }
}
