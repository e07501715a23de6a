-- $1: records   $2: limits of attempts: answered in that order.
INSERT INTO countersign.rulings (record, max_attempts)
SELECT record, attempts FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY AS r (record, attempts, place)
ORDER BY place
RETURNING seq
