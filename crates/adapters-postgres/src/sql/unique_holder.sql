SELECT id FROM countersign.run_states
WHERE unique_hold = $1 || E'\n' || $2 || E'\n' || $3 || E'\n' || $4
