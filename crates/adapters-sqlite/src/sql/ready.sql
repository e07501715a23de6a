SELECT run_id, priority, due_at FROM queue INDEXED BY queue_ready
WHERE ready = 1 AND queue_name = ?1 AND operation_type = ?2
ORDER BY priority DESC, due_at, run_id LIMIT ?3
