-- ?1: [run id, …]   ?2: visible again at
UPDATE queue SET ready = 0, visible_at = ?2, deliveries = deliveries + 1
WHERE run_id IN (SELECT value FROM json_each(?1))
RETURNING run_id, workspace_id, operation_type, deliveries
