SELECT r.id, r.workspace_id, r.operation_type, r.queue_name, r.priority, greatest(r.due_at, s.put_off_until)
FROM countersign.run_states AS s JOIN countersign.runs AS r ON r.id = s.id
WHERE s.status = 'queued' AND s.id > $1 ORDER BY s.id LIMIT $2
