-- $1, $2: the time and the id of the run after which the page begins   $3: queued before   $4: limit
SELECT r.id, s.outcome::text, s.completed_at, before.id, r.workspace_id, r.queued_at
FROM countersign.runs AS r
JOIN countersign.run_states AS s ON s.id = r.id
LEFT JOIN countersign.runs AS before ON before.id = r.retry_of
WHERE (r.queued_at, r.id) > ($1, $2) AND r.queued_at <= $3
ORDER BY r.queued_at, r.id LIMIT $4
