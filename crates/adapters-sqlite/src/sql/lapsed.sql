SELECT id, attempt < coalesce(max_attempts, 1) FROM runs
WHERE status = 'running' AND lease_expires_at <= ?1
ORDER BY lease_expires_at LIMIT ?2
