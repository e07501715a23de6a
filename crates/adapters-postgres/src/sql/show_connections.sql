SELECT c.id, c.tenant_id, c.enabled
FROM countersign.fact_connections AS c JOIN countersign.fact_tenants AS t ON t.id = c.tenant_id
WHERE t.workspace_id = $1 AND ($2::text IS NULL OR t.id = $2) AND ($3::text IS NULL OR true)
ORDER BY c.id COLLATE "C"
