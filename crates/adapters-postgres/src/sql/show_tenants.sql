SELECT id, workspace_id, lifecycle FROM countersign.fact_tenants
WHERE workspace_id = $1 AND ($2::text IS NULL OR id = $2) AND ($3::text IS NULL OR true) ORDER BY id COLLATE "C"
