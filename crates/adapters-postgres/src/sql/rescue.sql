-- $1: runs whose lapsed leases are locked.  The lease goes with it: a late completion finds it lost.
UPDATE countersign.run_states AS s
SET status = 'completed', completed_at = greatest((SELECT clock_timestamp()), s.started_at),
    lease_id = NULL, lease_expires_at = NULL, unique_hold = NULL,
    outcome         = CASE WHEN s.cancel_by IS NULL THEN 'failed' ELSE 'cancelled' END::countersign.run_outcome,
    failure_code    = CASE WHEN s.cancel_by IS NULL THEN 'worker_lost' END::countersign.failure_code,
    failure_message = CASE WHEN s.cancel_by IS NULL THEN 'the worker''s lease lapsed' END
WHERE s.id = ANY ($1) AND s.status::text = 'running'
RETURNING s.id,
          s.outcome = 'failed'
          AND (SELECT attempt FROM countersign.runs WHERE runs.id = s.id)
            < (SELECT max_attempts FROM countersign.rulings WHERE rulings.seq = s.ruling)
