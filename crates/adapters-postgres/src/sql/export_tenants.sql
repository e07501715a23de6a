-- $1: {tenant}   $2: limit
SELECT id, workspace_id, lifecycle FROM countersign.fact_tenants
WHERE id COLLATE "C" > $1[1] ORDER BY id COLLATE "C" LIMIT $2
