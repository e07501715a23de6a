-- $1: runs  $2: until: the entries of runs that were put off wait as long.
UPDATE countersign.queue AS q SET ready = false, visible_at = p.until
FROM (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) LIMIT cardinality($1)) AS p (run, until)
WHERE q.run_id = p.run
