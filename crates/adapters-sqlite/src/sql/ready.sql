-- One value: [[entry, run id, workspace, delivery, priority, due at], …], the first ones of one operation.
SELECT json_group_array(json_array(seq, run_id, workspace_id, deliveries + 1, priority, due_at))
FROM (SELECT * FROM queue INDEXED BY queue_ready
      WHERE ready = 1 AND queue_name = ?1 AND operation_type = ?2
      ORDER BY priority DESC, due_at, run_id LIMIT ?3)
