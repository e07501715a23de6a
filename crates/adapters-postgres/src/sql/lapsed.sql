-- $1: at most this many
SELECT id FROM countersign.run_states
WHERE status = 'running' AND lease_expires_at <= (SELECT clock_timestamp())
ORDER BY lease_expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
