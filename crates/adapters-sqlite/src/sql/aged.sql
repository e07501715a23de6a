-- ?1, ?2: the time and the id of the run after which the page begins   ?3: queued before   ?4: limit
SELECT id, outcome, completed_at,
       CASE WHEN EXISTS (SELECT 1 FROM runs AS before WHERE before.id = runs.retry_of) THEN retry_of END,
       workspace_id, queued_at
FROM runs
WHERE (queued_at, id) > (?1, ?2) AND queued_at <= ?3
ORDER BY queued_at, id LIMIT ?4
