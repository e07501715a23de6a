-- One value a run: `StoredRun` reads it. A row of thirty values costs twice as much on its way.
SELECT json_array(
    r.id, r.workspace_id, r.tenant_id, r.initiator, r.authority_mode, r.operation_type,
    r.provider_connection_id, r.status, r.outcome, r.context, r.decision_id,
    (SELECT record FROM rulings WHERE rulings.seq = r.ruling), r.continuity, r.result, r.output,
    r.failure_code, r.failure_message, r.cancel_by, r.cancel_reason, r.priority, r.unique_key, r.chain_id,
    r.attempt, r.retry_of, r.requested_by, r.queue_name, r.queued_at, r.due_at, r.undecided_since,
    r.started_at, r.completed_at)
