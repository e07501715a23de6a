-- One start a place:  $1: run  $2: workspace  $3: decision  $4: ruling  $5: reason, null for an allow
-- $6: lease  $7: when the lease runs out.   $8: now, by the clock read under the locks
-- $9: workspaces: where somebody waits to change any of them, none is moved.
-- $10: whether the queue is here: what was moved leaves it. Answers with how many were moved.
WITH moved AS (
    UPDATE countersign.run_states AS s
    SET status           = CASE WHEN start.reason IS NULL THEN 'running' ELSE 'completed' END::countersign.run_status,
        outcome          = CASE WHEN start.reason IS NULL THEN 'pending' ELSE 'blocked' END::countersign.run_outcome,
        allowed          = start.reason IS NULL,
        ruling           = start.ruling,
        decision_id      = start.decision,
        reason_code      = start.reason,
        started_at       = CASE WHEN start.reason IS NULL THEN $8 END,
        completed_at     = CASE WHEN start.reason IS NULL THEN NULL ELSE $8 END,
        lease_id         = CASE WHEN start.reason IS NULL THEN start.lease END,
        lease_expires_at = CASE WHEN start.reason IS NULL THEN start.lease_until END,
        unique_hold      = CASE WHEN start.reason IS NULL THEN s.unique_hold END,
        undecided_since  = NULL,
        put_off_until    = NULL
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::uuid[], $7::timestamptz[])
         AS start (run, workspace, decision, ruling, reason, lease, lease_until)
    WHERE s.id = start.run AND s.workspace_id = start.workspace AND s.status::text = 'queued'
      AND NOT EXISTS (SELECT 1 FROM unnest($9::text[]) AS held
                      WHERE countersign.announcement(held) IN (SELECT countersign.announced()))
    RETURNING s.id
), gone AS (
    DELETE FROM countersign.queue WHERE $10 AND run_id = ANY (ARRAY(SELECT id FROM moved))
)
SELECT count(*) FROM moved
