-- $1: runs  $2: workspaces  $3: leases: completions already on record under the same lease.
SELECT s.id, s.workspace_id, s.lease_id, s.outcome::text
FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS f (run, workspace, lease)
JOIN countersign.run_states AS s ON s.id = ANY (ARRAY[f.run]) AND s.workspace_id = f.workspace AND s.lease_id = f.lease
WHERE s.status::text = 'completed'
