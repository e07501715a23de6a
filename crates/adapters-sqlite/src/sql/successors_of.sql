SELECT id, workspace_id, operation_type, queue_name, priority, due_at, retry_of
FROM runs WHERE retry_of IN (SELECT value FROM json_each(?1)) AND retry_of IS NOT NULL
