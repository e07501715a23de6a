-- ?1: [[id, lease id, expires at, continuity or null, cancelled by or null, reason or null,
--      workspace], …]
UPDATE runs
SET lease_expires_at = renewal.value ->> 2,
    continuity       = coalesce(continuity, renewal.value ->> 3),
    cancel_reason    = CASE WHEN cancel_by IS NULL THEN renewal.value ->> 5 ELSE cancel_reason END,
    cancel_by        = coalesce(cancel_by, renewal.value ->> 4)
FROM json_each(?1) AS renewal
WHERE runs.id = renewal.value ->> 0 AND runs.workspace_id = renewal.value ->> 6
  AND runs.status = 'running' AND runs.lease_id = renewal.value ->> 1
RETURNING runs.id, runs.workspace_id, runs.lease_id, runs.cancel_by, runs.cancel_reason
