-- ?1: [run id, …]   ?2: now
INSERT INTO queue (run_id, workspace_id, operation_type, queue_name, priority, due_at, ready, visible_at)
SELECT id, workspace_id, operation_type, queue_name, priority, max(due_at, put_off_until),
       max(due_at, put_off_until) <= ?2, max(due_at, put_off_until)
FROM json_each(?1) JOIN runs ON runs.id = json_each.value
WHERE runs.status = 'queued'
ON CONFLICT DO NOTHING
