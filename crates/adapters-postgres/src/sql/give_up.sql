-- $1: runs  $2: messages  $3: undecided since
UPDATE countersign.run_states AS s
SET status = 'completed', outcome = 'failed', completed_at = clock_timestamp(), unique_hold = NULL,
    undecided_since = p.since, failure_code = 'authority_unavailable', failure_message = p.message
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS p (run, message, since)
WHERE s.id = ANY (ARRAY[p.run]) AND s.status::text = 'queued'
