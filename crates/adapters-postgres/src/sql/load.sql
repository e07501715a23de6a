-- $1: runs: those that are queued, with what was asked.
SELECT id, workspace_id, tenant_id, initiator, authority_mode, operation_type, provider_connection_id, context,
       priority, unique_key, chain_id, attempt, retry_of, requested_by, queue_name, queued_at, due_at, undecided_since
FROM countersign.load($1)
