-- One success that leaves nothing with the run a place:  $1: run  $2: workspace  $3: lease.
-- Where a cancel flag was raised first, it is none.
UPDATE countersign.run_states AS s
SET status       = 'completed',
    outcome      = 'succeeded',
    completed_at = greatest((SELECT clock_timestamp()), s.started_at),
    unique_hold  = NULL
FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS f (run, workspace, lease)
WHERE s.id = ANY (ARRAY[f.run]) AND s.workspace_id = f.workspace AND s.status::text = 'running' AND s.lease_id = f.lease
  AND s.cancel_by IS NULL
