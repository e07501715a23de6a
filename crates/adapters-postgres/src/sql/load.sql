-- $1: runs: those that are queued, with what was asked.
SELECT r.id, r.workspace_id, r.tenant_id, r.initiator, r.authority_mode::text, r.operation_type,
       r.provider_connection_id, r.context, r.priority, r.unique_key, r.chain_id, r.attempt, r.retry_of,
       r.requested_by, r.queue_name, r.queued_at, r.due_at, s.undecided_since
FROM countersign.runs AS r JOIN countersign.run_states AS s ON s.id = r.id
WHERE r.id = ANY ($1) AND s.status::text = 'queued'
