-- ?1: [[id, workspace], …]: of runs whose authority moved, those that are still queued.
UPDATE runs SET undecided_since = NULL, put_off_until = 0
FROM json_each(?1) AS moved
WHERE runs.id = moved.value ->> 0 AND runs.workspace_id = moved.value ->> 1 AND runs.status = 'queued'
  AND runs.undecided_since IS NOT NULL
