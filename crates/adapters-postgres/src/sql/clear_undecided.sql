-- $1: runs  $2: their workspaces: of those whose authority moved, the ones that are still queued.
UPDATE countersign.run_states AS s SET undecided_since = NULL, put_off_until = NULL
FROM unnest($1::uuid[], $2::text[]) AS moved (run, workspace)
WHERE s.id = moved.run AND s.workspace_id = moved.workspace AND s.status::text = 'queued'
  AND s.undecided_since IS NOT NULL
