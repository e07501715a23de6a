-- $1: runs  $2: undecided since  $3: until
UPDATE countersign.run_states AS s SET undecided_since = p.since, put_off_until = p.until
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS p (run, since, until)
WHERE s.id = ANY (ARRAY[p.run]) AND s.status::text = 'queued'
