SELECT id, workspace_id, operation_type, queue_name, priority, max(due_at, put_off_until)
FROM runs WHERE status = 'queued' AND id > ?1 ORDER BY id LIMIT ?2
