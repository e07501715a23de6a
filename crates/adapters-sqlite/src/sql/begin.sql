-- ?1: now.  Each row of the batch binds one tuple; a batch is filled up with rows of NULL, which match
-- no run. Tuples and not one JSON parameter: a record of 1 KiB would be rendered for every column read.
-- RETURNING drives what comes back: a run that is no longer queued is not in it.
WITH start (id, workspace_id, allowed, decision_id, decision, lease_id, lease_expires_at, max_attempts) AS (
    VALUES {rows}
)
UPDATE runs
SET status           = CASE start.allowed WHEN 1 THEN 'running' ELSE 'completed' END,
    outcome          = CASE start.allowed WHEN 1 THEN 'pending' ELSE 'blocked' END,
    started_at       = CASE start.allowed WHEN 1 THEN ?1 END,
    completed_at     = CASE start.allowed WHEN 1 THEN NULL ELSE ?1 END,
    lease_id         = CASE start.allowed WHEN 1 THEN start.lease_id END,
    lease_expires_at = CASE start.allowed WHEN 1 THEN start.lease_expires_at END,
    max_attempts     = start.max_attempts,
    decision_id      = start.decision_id,
    decision         = start.decision,
    undecided_since  = NULL,
    put_off_until    = 0
FROM start
WHERE runs.id = start.id AND runs.workspace_id = start.workspace_id AND runs.status = 'queued'
RETURNING runs.id
