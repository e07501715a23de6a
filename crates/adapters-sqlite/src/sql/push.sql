-- ?1: [[run id, workspace, operation, queue, priority, due at], …]   ?2: now
INSERT INTO queue (run_id, workspace_id, operation_type, queue_name, priority, due_at, ready, visible_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
       value ->> 5 <= ?2, value ->> 5
FROM json_each(?1) WHERE true
ON CONFLICT (run_id) DO NOTHING
RETURNING run_id
