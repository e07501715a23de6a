SELECT r.id, r.workspace_id, r.tenant_id, r.initiator, r.authority_mode::text, r.operation_type,
       r.provider_connection_id, '{}', r.priority, r.unique_key, r.chain_id, r.attempt, r.retry_of,
       r.requested_by, r.queue_name, r.queued_at, r.due_at,
       s.status::text, s.outcome::text, s.decision_id,
       (SELECT record FROM countersign.rulings WHERE rulings.seq = s.ruling),
       s.continuity, s.result, s.output, s.failure_code::text, s.failure_message, s.cancel_by, s.cancel_reason,
       s.undecided_since, s.started_at, s.completed_at
FROM countersign.runs AS r JOIN countersign.run_states AS s ON s.id = r.id
