-- ?1: [[id, workspace], …]
SELECT runs.id FROM json_each(?1) AS moved
JOIN runs ON runs.id = moved.value ->> 0 AND runs.workspace_id = moved.value ->> 1
WHERE runs.status = 'queued'
