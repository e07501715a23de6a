-- $1: queue name  $2: operations  $3: at most this many  $4: for how long nobody else, in microseconds
-- The first ones of each operation, merged: entries of other operations cost nothing.
UPDATE countersign.queue
SET claimed_until = (SELECT clock_timestamp()) + $4 * interval '1 microsecond', deliveries = deliveries + 1
WHERE ctid = ANY (ARRAY(
    SELECT first.place FROM unnest($2::text[]) AS known (operation), LATERAL (
        SELECT ctid AS place, run_id, priority, due_at FROM countersign.queue
        WHERE ready AND queue_name = $1 AND operation_type = known.operation
          AND claimed_until <= (SELECT clock_timestamp())
        ORDER BY priority DESC, due_at, run_id LIMIT $3 FOR UPDATE SKIP LOCKED) AS first
    ORDER BY first.priority DESC, first.due_at, first.run_id LIMIT $3))
RETURNING run_id, workspace_id, operation_type, deliveries, priority, due_at
