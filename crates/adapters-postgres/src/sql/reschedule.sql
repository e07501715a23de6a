-- $1: runs  $2: until: the entries of runs that were put off wait as long.
UPDATE countersign.queue AS q SET ready = false, visible_at = p.until
FROM unnest($1::uuid[], $2::timestamptz[]) AS p (run, until) WHERE q.run_id = ANY (ARRAY[p.run])
