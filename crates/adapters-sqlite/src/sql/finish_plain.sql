-- ?1: [[id, lease id, workspace], …]   ?2: now.  Successes that leave nothing: most of them, and a third
-- of the work of `finish.sql`.
UPDATE runs
SET status       = 'completed',
    outcome      = CASE WHEN cancel_by IS NULL THEN 'succeeded' ELSE 'cancelled' END,
    completed_at = ?2
FROM json_each(?1) AS finish
WHERE runs.id = finish.value ->> 0 AND runs.workspace_id = finish.value ->> 2
  AND runs.status = 'running' AND runs.lease_id = finish.value ->> 1
RETURNING runs.id, runs.workspace_id, runs.lease_id, runs.outcome
