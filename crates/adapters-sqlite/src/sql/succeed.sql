-- ?1: [[predecessor, successor, due at, requested by or null], …]   ?2: now
INSERT INTO runs (id, workspace_id, tenant_id, initiator, authority_mode, operation_type,
                  provider_connection_id, context, priority, unique_key, queue_name, due_at,
                  chain_id, attempt, retry_of, requested_by, status, outcome, queued_at)
SELECT next.value ->> 1, r.workspace_id, r.tenant_id, r.initiator, r.authority_mode, r.operation_type,
       r.provider_connection_id, r.context, r.priority, r.unique_key, r.queue_name, next.value ->> 2,
       r.chain_id, r.attempt + 1, r.id, next.value ->> 3, 'queued', 'pending', ?2
FROM json_each(?1) AS next JOIN runs AS r ON r.id = next.value ->> 0
WHERE r.status = 'completed'
  AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.id = next.value ->> 1)
ON CONFLICT DO NOTHING
RETURNING id, workspace_id, operation_type, queue_name, priority, due_at, retry_of
