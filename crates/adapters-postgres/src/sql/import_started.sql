-- $1: an array of runs   $2: those of them that are new.  The start of those that started; a lease that is gone
-- is made up until their end.
UPDATE countersign.run_states AS s
SET status = 'running', started_at = m.started_at, allowed = true, decision_id = m.decision_id, ruling = m.ruling,
    lease_id = coalesce(m.lease_id, m.id), lease_expires_at = coalesce(m.lease_expires_at, m.started_at)
FROM jsonb_to_recordset($1::jsonb) AS m (
    id uuid, decision_id uuid, ruling bigint, started_at timestamptz, lease_id uuid, lease_expires_at timestamptz)
WHERE s.id = m.id AND s.id = ANY ($2) AND m.started_at IS NOT NULL
