-- ?1: [[id, workspace], …]
SELECT runs.id, runs.undecided_since
FROM json_each(?1) AS one
JOIN runs ON runs.id = one.value ->> 0 AND runs.workspace_id = one.value ->> 1
WHERE runs.status = 'queued'
