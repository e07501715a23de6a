-- ?1: [[id, lease id, outcome, result, output, failure code, failure message, cancelled by, reason,
--      workspace], …]
-- ?2: now.  A cancel flag that was raised first decides the outcome; the result is kept all the same.
UPDATE runs
SET status           = 'completed',
    outcome          = CASE WHEN cancel_by IS NOT NULL THEN 'cancelled' ELSE finish.value ->> 2 END,
    completed_at     = ?2,
    result           = finish.value ->> 3,
    output           = finish.value ->> 4,
    failure_code     = CASE WHEN cancel_by IS NULL THEN finish.value ->> 5 END,
    failure_message  = CASE WHEN cancel_by IS NULL THEN finish.value ->> 6 END,
    cancel_reason    = CASE WHEN cancel_by IS NULL THEN finish.value ->> 8 ELSE cancel_reason END,
    cancel_by        = coalesce(cancel_by, finish.value ->> 7)
FROM json_each(?1) AS finish
WHERE runs.id = finish.value ->> 0 AND runs.workspace_id = finish.value ->> 9
  AND runs.status = 'running' AND runs.lease_id = finish.value ->> 1
RETURNING runs.id, runs.workspace_id, runs.lease_id, runs.outcome
