UPDATE countersign.run_states
SET status = 'completed', outcome = 'cancelled', completed_at = clock_timestamp(), unique_hold = NULL,
    cancel_by = $2, cancel_reason = $3
WHERE id = $1 AND status::text = 'queued'
