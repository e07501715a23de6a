-- $1: runs  $2: deliveries  $3: for how long, in microseconds
UPDATE countersign.queue AS q
SET ready = false, visible_at = least((SELECT clock_timestamp()) + $3 * interval '1 microsecond', '9999-12-30 22:00:00Z')
FROM unnest($1::uuid[], $2::bigint[]) AS d (run, delivery)
WHERE q.run_id = ANY (ARRAY[d.run]) AND q.deliveries = d.delivery
RETURNING q.run_id
