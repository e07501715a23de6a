-- One entry a place.
INSERT INTO countersign.queue
    (run_id, workspace_id, operation_type, queue_name, priority, due_at, ready, visible_at)
SELECT e.run, e.workspace, e.operation, e.queue, e.priority, e.due_at, e.due_at <= clock.now, e.due_at
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::timestamptz[])
     AS e (run, workspace, operation, queue, priority, due_at), (SELECT clock_timestamp() AS now) AS clock
ON CONFLICT (run_id) DO NOTHING
RETURNING run_id
