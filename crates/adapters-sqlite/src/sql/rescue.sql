-- ?1: [run id, …]   ?2: now.  The lease goes with it: a late completion finds it lost.
UPDATE runs
SET status = 'completed', completed_at = ?2, lease_id = NULL, lease_expires_at = NULL,
    outcome         = CASE WHEN cancel_by IS NULL THEN 'failed' ELSE 'cancelled' END,
    failure_code    = CASE WHEN cancel_by IS NULL THEN 'worker_lost' END,
    failure_message = CASE WHEN cancel_by IS NULL THEN 'the worker''s lease lapsed' END
WHERE id IN (SELECT value FROM json_each(?1)) AND status = 'running' AND lease_expires_at <= ?2
RETURNING id, outcome
