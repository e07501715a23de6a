-- $1: runs  $2: their workspaces
SELECT s.id, s.undecided_since FROM unnest($1::uuid[], $2::text[]) AS asked (run, workspace)
JOIN countersign.run_states AS s ON s.id = ANY (ARRAY[asked.run]) AND s.workspace_id = asked.workspace
WHERE s.status::text = 'queued'
ORDER BY s.id FOR UPDATE OF s
