-- $1: runs that are queued  $2: decisions that they were not given, a place each: they never are. Once each.
UPDATE countersign.run_states AS s SET barred = array_append(s.barred, given_up.decision)
FROM unnest($1::uuid[], $2::uuid[]) AS given_up (run, decision)
WHERE s.id = ANY (ARRAY[given_up.run]) AND s.status::text = 'queued' AND (given_up.decision = ANY (s.barred)) IS NOT TRUE
