-- ?1: [[id, allowed, decision id, decision, lease id, lease expires at, max attempts], …]   ?2: now
-- RETURNING drives what comes back: a run that is no longer queued is not in it.
UPDATE runs
SET status           = CASE start.value ->> 1 WHEN 1 THEN 'running' ELSE 'completed' END,
    outcome          = CASE start.value ->> 1 WHEN 1 THEN 'pending' ELSE 'blocked' END,
    started_at       = CASE start.value ->> 1 WHEN 1 THEN ?2 END,
    completed_at     = CASE start.value ->> 1 WHEN 1 THEN NULL ELSE ?2 END,
    lease_id         = CASE start.value ->> 1 WHEN 1 THEN start.value ->> 4 END,
    lease_expires_at = CASE start.value ->> 1 WHEN 1 THEN start.value ->> 5 END,
    max_attempts     = start.value ->> 6,
    decision_id      = start.value ->> 2,
    decision         = start.value ->> 3,
    undecided_since  = NULL,
    put_off_until    = 0
FROM json_each(?1) AS start
WHERE runs.id = start.value ->> 0 AND runs.workspace_id = start.value ->> 7
  AND runs.status = 'queued'
RETURNING runs.id
