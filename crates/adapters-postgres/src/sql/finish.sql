-- One completion a place:  $1: run  $2: workspace  $3: lease  $4: outcome  $5: result  $6: output
-- $7: failure code  $8: failure message  $9: cancelled by  $10: reason.
-- A cancel flag that was raised first decides the outcome; the result is kept all the same.
UPDATE countersign.run_states AS s
SET status          = 'completed',
    outcome         = CASE WHEN s.cancel_by IS NULL THEN f.outcome::countersign.run_outcome ELSE 'cancelled' END,
    completed_at    = greatest((SELECT clock_timestamp()), s.started_at),
    unique_hold     = NULL,
    result          = f.result,
    output          = f.output,
    failure_code    = CASE WHEN s.cancel_by IS NULL THEN f.failure::countersign.failure_code END,
    failure_message = CASE WHEN s.cancel_by IS NULL THEN f.message END,
    cancel_reason   = CASE WHEN s.cancel_by IS NULL THEN f.reason ELSE s.cancel_reason END,
    cancel_by       = coalesce(s.cancel_by, f.cancel_by)
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[])
     AS f (run, workspace, lease, outcome, result, output, failure, message, cancel_by, reason)
WHERE s.id = ANY (ARRAY[f.run]) AND s.workspace_id = f.workspace AND s.status::text = 'running' AND s.lease_id = f.lease
RETURNING s.id, s.workspace_id, s.lease_id, s.outcome::text
