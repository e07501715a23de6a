-- $1: the runs
INSERT INTO countersign.queue
    (run_id, workspace_id, operation_type, queue_name, priority, due_at, ready, visible_at)
SELECT r.id, r.workspace_id, r.operation_type, r.queue_name, r.priority, d.due, d.due <= clock.now, d.due
FROM countersign.runs AS r
JOIN countersign.run_states AS s ON s.id = r.id,
LATERAL (SELECT greatest(r.due_at, s.put_off_until) AS due) AS d,
(SELECT clock_timestamp() AS now) AS clock
WHERE r.id = ANY ($1) AND s.status::text = 'queued'
ON CONFLICT DO NOTHING
