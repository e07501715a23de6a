-- ?1: [[id, lease id], …]: completions already on record under the same lease.
SELECT runs.id, runs.outcome
FROM json_each(?1) JOIN runs ON runs.id = value ->> 0
WHERE runs.status = 'completed' AND runs.lease_id = value ->> 1
