UPDATE queue SET ready = 0, visible_at = ?2
WHERE (run_id, deliveries) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
RETURNING run_id
