-- ?1: an array of runs, each an object with the columns of `runs`.  The rulings are there already.
INSERT INTO runs (id, workspace_id, tenant_id, initiator, authority_mode, operation_type,
                  provider_connection_id, status, outcome, context, decision_id, ruling, allowed, reason_code,
                  continuity, result, output, failure_code, failure_message, cancel_by, cancel_reason,
                  priority, unique_key, chain_id, attempt, retry_of, requested_by, queue_name, queued_at,
                  due_at, put_off_until, undecided_since, started_at, completed_at, lease_id,
                  lease_expires_at)
SELECT value ->> 'id', value ->> 'workspace_id', value ->> 'tenant_id', value ->> 'initiator',
       value ->> 'authority_mode', value ->> 'operation_type', value ->> 'provider_connection_id',
       value ->> 'status', value ->> 'outcome', value ->> 'context', value ->> 'decision_id', rulings.seq,
       rulings.allowed, rulings.reason_code, value ->> 'continuity', value ->> 'result', value ->> 'output',
       value ->> 'failure_code', value ->> 'failure_message', value ->> 'cancel_by',
       value ->> 'cancel_reason', value ->> 'priority', value ->> 'unique_key', value ->> 'chain_id',
       value ->> 'attempt', value ->> 'retry_of', value ->> 'requested_by', value ->> 'queue_name',
       value ->> 'queued_at', value ->> 'due_at', value ->> 'put_off_until', value ->> 'undecided_since',
       value ->> 'started_at', value ->> 'completed_at', value ->> 'lease_id', value ->> 'lease_expires_at'
FROM json_each(?1) LEFT JOIN rulings ON rulings.seq = value ->> 'ruling'
ORDER BY json_each.key
RETURNING id
