-- ?1: [id and lease id: 36 characters each, and the workspace, …]   ?2: now
-- Successes that leave nothing, of runs that nobody has cancelled: most of them, and a third of the work
-- of `finish.sql`.
UPDATE runs SET status = 'completed', outcome = 'succeeded', completed_at = ?2
FROM json_each(?1) AS finish
WHERE runs.id = substr(finish.value, 1, 36) AND runs.workspace_id = substr(finish.value, 73)
  AND runs.status = 'running' AND runs.lease_id = substr(finish.value, 37, 36)
  AND runs.cancel_by IS NULL
