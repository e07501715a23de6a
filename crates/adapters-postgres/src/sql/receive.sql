-- $1: queue name  $2: operations  $3: at most this many  $4: for how long nobody else, in microseconds
-- $5: how many entries are made ready at the most
SELECT run, workspace, operation, delivery, precedence, due, is_queued,
       id, workspace_id, tenant_id, initiator, authority_mode, operation_type, provider_connection_id, context,
       priority, unique_key, chain_id, attempt, retry_of, requested_by, queue_name, queued_at, due_at, undecided_since
FROM countersign.receive_runs($1, $2, $3, $4, $5)
