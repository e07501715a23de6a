UPDATE runs
SET status = 'completed', outcome = 'cancelled', completed_at = ?4, cancel_by = ?2, cancel_reason = ?3
WHERE id = ?1 AND status = 'queued'
