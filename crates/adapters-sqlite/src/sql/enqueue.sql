-- ?1: [run id, …]   ?2: now
INSERT INTO queue (run_id, workspace_id, operation_type, queue_name, priority, due_at, ready, visible_at)
SELECT r.id, r.workspace_id, r.operation_type, r.queue_name, r.priority, max(r.due_at, r.put_off_until),
       max(r.due_at, r.put_off_until) <= ?2, max(r.due_at, r.put_off_until)
FROM json_each(?1) AS queued JOIN runs AS r ON r.id = queued.value
WHERE r.status = 'queued'
ON CONFLICT DO NOTHING
