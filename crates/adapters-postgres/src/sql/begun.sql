-- $1: runs  $2: the decisions they were given, a place each: those that were given them.
SELECT s.id FROM unnest($1::uuid[], $2::uuid[]) AS start (run, decision)
JOIN countersign.run_states AS s ON s.id = start.run
WHERE s.decision_id = start.decision
