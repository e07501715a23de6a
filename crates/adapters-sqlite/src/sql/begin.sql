-- ?1: [id, decision id, lease id: 36 characters each, and the place of the ruling, …]   ?2: now
-- ?3: the number of the ruling at the first place
UPDATE runs
SET status           = CASE rulings.allowed WHEN 1 THEN 'running' ELSE 'completed' END,
    outcome          = CASE rulings.allowed WHEN 1 THEN 'pending' ELSE 'blocked' END,
    started_at       = CASE rulings.allowed WHEN 1 THEN ?2 END,
    completed_at     = CASE rulings.allowed WHEN 1 THEN NULL ELSE ?2 END,
    lease_id         = CASE rulings.allowed WHEN 1 THEN substr(start.value, 73, 36) END,
    lease_expires_at = CASE rulings.allowed WHEN 1 THEN ?2 + rulings.lease_micros END,
    decision_id      = substr(start.value, 37, 36),
    ruling           = rulings.seq,
    allowed          = rulings.allowed,
    reason_code      = rulings.reason_code,
    undecided_since  = NULL,
    put_off_until    = 0
FROM json_each(?1) AS start JOIN rulings ON rulings.seq = ?3 + substr(start.value, 109)
WHERE runs.id = substr(start.value, 1, 36) AND runs.workspace_id = rulings.workspace_id
  AND runs.status = 'queued'
