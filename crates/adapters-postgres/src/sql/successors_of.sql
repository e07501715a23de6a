SELECT id, workspace_id, operation_type, queue_name, priority, due_at, retry_of
FROM countersign.runs WHERE retry_of = ANY ($1)
