-- Under their locks, so that a commit still under way has ended one way or the other.
SELECT id, status::text, decision_id, started_at FROM countersign.run_states
WHERE id = ANY ($1) ORDER BY id FOR UPDATE
