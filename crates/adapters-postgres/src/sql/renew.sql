-- One renewal a place:  $1: run  $2: workspace  $3: lease  $4: how long it runs from now, in microseconds
-- $5: what was found, or null  $6: cancelled by, or null  $7: reason
UPDATE countersign.run_states AS s
SET lease_expires_at = least((SELECT clock_timestamp()) + r.lease_for * interval '1 microsecond',
                             '9999-12-30 22:00:00Z'),
    continuity       = coalesce(s.continuity, r.continuity),
    cancel_reason    = CASE WHEN s.cancel_by IS NULL THEN r.reason ELSE s.cancel_reason END,
    cancel_by        = coalesce(s.cancel_by, r.cancel_by)
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[])
     AS r (run, workspace, lease, lease_for, continuity, cancel_by, reason)
WHERE s.id = ANY (ARRAY[r.run]) AND s.workspace_id = r.workspace AND s.status::text = 'running' AND s.lease_id = r.lease
RETURNING s.id, s.workspace_id, s.lease_id, s.cancel_by, s.cancel_reason
