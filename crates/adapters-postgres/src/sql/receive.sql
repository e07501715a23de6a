-- $1: queue name  $2: operation  $3: at most this many  $4: for how long nobody else, in microseconds
UPDATE countersign.queue
SET claimed_until = (SELECT clock_timestamp()) + $4 * interval '1 microsecond', deliveries = deliveries + 1
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM countersign.queue
    WHERE ready AND queue_name = $1 AND operation_type = $2 AND claimed_until <= (SELECT clock_timestamp())
    ORDER BY priority DESC, due_at, run_id LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING run_id, workspace_id, operation_type, deliveries, priority, due_at
