-- $1: runs  $2: deliveries
DELETE FROM countersign.queue AS q
WHERE q.run_id = ANY ($1) AND (q.run_id, q.deliveries) IN (SELECT * FROM unnest($1::uuid[], $2::bigint[]))
RETURNING run_id
