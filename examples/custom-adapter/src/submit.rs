//! Submissions: idempotent by id, and one unfinished holder for each unique key.

use countersign_domain::{
    OperationRun, OperationType, RunId, RunOutcome, RunStatus, Submission, TenantId, Timestamp,
    UniqueKey, WorkspaceId,
};
use countersign_ports::{Submitted, fresh_run_id};

use super::state::State;

impl State {
    /// Queues a run, at the time of its batch.
    pub(crate) fn submit(&mut self, submission: &Submission, now: Timestamp) -> Submitted {
        // By id first: a client that asks again is to hear of its own run, whoever holds the key now.
        if let Some(id) = submission.id
            && let Some(row) = self.runs.get(&id)
        {
            return if is_of(&row.run, submission) {
                Submitted::Existing { id }
            } else {
                Submitted::IdTaken { id }
            };
        }
        if let Some(key) = &submission.unique_key
            && let Some(id) = self.holder(
                &submission.workspace_id,
                &submission.tenant_id,
                &submission.operation_type,
                key,
            )
        {
            return Submitted::Existing { id };
        }
        let id = submission.id.unwrap_or_else(fresh_run_id);
        let due_at = submission.due_at.unwrap_or(now);
        self.enqueue(OperationRun {
            id,
            workspace_id: submission.workspace_id.clone(),
            tenant_id: submission.tenant_id.clone(),
            initiator: submission.initiator.clone(),
            authority_mode: submission.authority_mode,
            operation_type: submission.operation_type.clone(),
            provider_connection_id: submission.provider_connection_id.clone(),
            status: RunStatus::Queued,
            outcome: RunOutcome::Pending,
            context: submission.context.clone(),
            decision: None,
            continuity: None,
            result: None,
            output: None,
            failure: None,
            cancel: None,
            priority: submission.priority,
            unique_key: submission.unique_key.clone(),
            chain_id: id,
            attempt: 1,
            retry_of: None,
            requested_by: None,
            queue_name: submission.queue_name.clone(),
            queued_at: now,
            due_at,
            started_at: None,
            completed_at: None,
            undecided_since: None,
        });
        Submitted::Created { id, due_at }
    }

    /// The unfinished run that holds a unique key.
    pub(crate) fn holder(
        &self,
        workspace: &WorkspaceId,
        tenant: &TenantId,
        operation: &OperationType,
        key: &UniqueKey,
    ) -> Option<RunId> {
        let mut unfinished = self
            .runs
            .values()
            .map(|row| &row.run)
            .filter(|run| run.status != RunStatus::Completed);
        let holder = unfinished.find(|run| {
            run.unique_key.as_ref() == Some(key)
                && run.workspace_id == *workspace
                && run.tenant_id == *tenant
                && run.operation_type == *operation
        });
        holder.map(|run| run.id)
    }
}

/// Whether the run is the one that the submission asks for.
fn is_of(run: &OperationRun, submission: &Submission) -> bool {
    run.workspace_id == submission.workspace_id
        && run.tenant_id == submission.tenant_id
        && run.initiator == submission.initiator
        && run.authority_mode == submission.authority_mode
        && run.operation_type == submission.operation_type
        && run.provider_connection_id == submission.provider_connection_id
}
