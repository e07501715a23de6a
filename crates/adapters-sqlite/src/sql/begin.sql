-- Binds now, then one tuple a start; a batch is filled up with tuples of NULL, which match no run. No
-- parameter is numbered: SQLite would look each number up in a list of them all.
-- RETURNING drives what comes back: a run that is no longer queued is not in it.
WITH moment (now) AS (VALUES (?)),
start (id, workspace_id, allowed, reason_code, decision_id, lease_id, lease_expires_at, max_attempts) AS (
    VALUES {rows}
)
UPDATE runs
SET status           = CASE start.allowed WHEN 1 THEN 'running' ELSE 'completed' END,
    outcome          = CASE start.allowed WHEN 1 THEN 'pending' ELSE 'blocked' END,
    started_at       = CASE start.allowed WHEN 1 THEN moment.now END,
    completed_at     = CASE start.allowed WHEN 1 THEN NULL ELSE moment.now END,
    lease_id         = CASE start.allowed WHEN 1 THEN start.lease_id END,
    lease_expires_at = CASE start.allowed WHEN 1 THEN start.lease_expires_at END,
    max_attempts     = start.max_attempts,
    decision_id      = start.decision_id,
    allowed          = start.allowed,
    reason_code      = start.reason_code,
    undecided_since  = NULL,
    put_off_until    = 0
FROM start, moment
WHERE runs.id = start.id AND runs.workspace_id = start.workspace_id AND runs.status = 'queued'
RETURNING runs.id
