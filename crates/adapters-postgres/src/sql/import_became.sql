-- $1: an array of runs   $2: those of them that are new.  What became of them, after their start.
UPDATE countersign.run_states AS s
SET status          = m.status::countersign.run_status,
    outcome         = m.outcome::countersign.run_outcome,
    completed_at    = m.completed_at,
    allowed         = CASE WHEN m.outcome = 'blocked' THEN false ELSE s.allowed END,
    decision_id     = m.decision_id,
    ruling          = m.ruling,
    reason_code     = (SELECT reason_code FROM countersign.rulings WHERE rulings.seq = m.ruling),
    lease_id        = m.lease_id,
    lease_expires_at = CASE WHEN m.lease_id IS NOT NULL THEN s.lease_expires_at END,
    put_off_until   = m.put_off_until,
    undecided_since = m.undecided_since,
    failure_code    = m.failure_code::countersign.failure_code,
    failure_message = m.failure_message,
    cancel_by       = m.cancel_by,
    cancel_reason   = m.cancel_reason,
    continuity      = m.continuity,
    result          = m.result,
    output          = m.output
FROM jsonb_to_recordset($1::jsonb) AS m (
    id uuid, status text, outcome text, completed_at timestamptz, decision_id uuid, ruling bigint, lease_id uuid,
    put_off_until timestamptz, undecided_since timestamptz, failure_code text, failure_message text,
    cancel_by text, cancel_reason text, continuity text, result text, output text)
WHERE s.id = m.id AND s.id = ANY ($2)
