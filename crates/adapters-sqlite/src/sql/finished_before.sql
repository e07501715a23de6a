-- ?1: [[id, lease id, workspace], …]: completions already on record under the same lease.
SELECT runs.id, runs.workspace_id, runs.lease_id, runs.outcome
FROM json_each(?1) AS finish
JOIN runs ON runs.id = finish.value ->> 0 AND runs.workspace_id = finish.value ->> 2
WHERE runs.status = 'completed' AND runs.lease_id = finish.value ->> 1
