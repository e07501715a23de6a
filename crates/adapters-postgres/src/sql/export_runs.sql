-- $1: the run after which the page begins   $2: limit.   The columns of `run_columns.sql`, and four more.
SELECT r.id, r.workspace_id, r.tenant_id, r.initiator, r.authority_mode::text, r.operation_type,
       r.provider_connection_id, r.context, r.priority, r.unique_key, r.chain_id, r.attempt, r.retry_of,
       r.requested_by, r.queue_name, r.queued_at, r.due_at,
       s.status::text, s.outcome::text, s.decision_id, rulings.record,
       s.continuity, s.result, s.output, s.failure_code::text, s.failure_message, s.cancel_by, s.cancel_reason,
       s.undecided_since, s.started_at, s.completed_at,
       s.put_off_until, s.lease_id, s.lease_expires_at, rulings.max_attempts
FROM countersign.runs AS r JOIN countersign.run_states AS s ON s.id = r.id
LEFT JOIN countersign.rulings ON rulings.seq = s.ruling
WHERE r.id > $1 ORDER BY r.id LIMIT $2
