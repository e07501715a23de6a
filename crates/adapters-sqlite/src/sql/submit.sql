-- ?1: [[id, workspace, tenant, initiator, mode, type, connection, context, priority, unique key,
--      queue, due at or null], …]   ?2: now
INSERT INTO runs (id, workspace_id, tenant_id, initiator, authority_mode, operation_type,
                  provider_connection_id, context, priority, unique_key, queue_name, due_at,
                  chain_id, attempt, status, outcome, queued_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
       value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, coalesce(value ->> 11, ?2),
       value ->> 0, 1, 'queued', 'pending', ?2
FROM json_each(?1)
WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.id = value ->> 0)
ON CONFLICT DO NOTHING
RETURNING id, due_at
