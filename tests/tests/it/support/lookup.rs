//! Runs and answers of an authority lookup, made by hand for mocked ports.

use countersign_domain::{
    AttributedChange, AuthorityQuery, AuthorityState, OperationRun, Revision, RunId, RunOutcome,
    RunStatus, ScopeRevision, Submission, Timestamp,
};
use countersign_ports::{Authority, Fence, LookedUp, StoreIdentity};

/// What a store that these changes were applied to answers.
pub(crate) fn found(store: &StoreIdentity, changes: &str, query: &AuthorityQuery) -> LookedUp {
    let mut state = AuthorityState::default();
    for line in changes.lines().filter(|line| !line.is_empty()) {
        state.apply(&AttributedChange::parse(line).unwrap().change);
    }
    let revision: Revision = "1-00000000000000000000000000000001".parse().unwrap();
    let scope = ScopeRevision {
        workspace: query.workspace_id.clone(),
        revision,
    };
    LookedUp::Found(Authority::resolved(
        query.clone(),
        state.rows(query),
        Timestamp::UNIX_EPOCH,
        Fence {
            store: store.id,
            scopes: [scope].into_iter().collect(),
        },
    ))
}

/// The run that a submission makes.
pub(crate) fn queued_run(id: RunId, submission: Submission) -> OperationRun {
    OperationRun {
        id,
        workspace_id: submission.workspace_id,
        tenant_id: submission.tenant_id,
        initiator: submission.initiator,
        authority_mode: submission.authority_mode,
        operation_type: submission.operation_type,
        provider_connection_id: submission.provider_connection_id,
        status: RunStatus::Queued,
        outcome: RunOutcome::Pending,
        context: submission.context,
        decision: None,
        continuity: None,
        result: None,
        output: None,
        failure: None,
        cancel: None,
        priority: submission.priority,
        unique_key: submission.unique_key,
        chain_id: id,
        attempt: 1,
        retry_of: None,
        requested_by: None,
        queue_name: submission.queue_name,
        queued_at: Timestamp::UNIX_EPOCH,
        due_at: Timestamp::UNIX_EPOCH,
        started_at: None,
        completed_at: None,
        undecided_since: None,
    }
}
