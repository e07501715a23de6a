UPDATE countersign.run_states SET cancel_by = $2, cancel_reason = $3
WHERE id = $1 AND status::text = 'running' AND cancel_by IS NULL
