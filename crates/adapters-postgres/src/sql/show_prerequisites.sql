SELECT workspace_id, tenant_id, name, met FROM countersign.fact_prerequisites
WHERE workspace_id = $1 AND ($2::text IS NULL OR tenant_id IS NULL OR tenant_id = $2)
  AND ($3::text IS NULL OR true)
ORDER BY coalesce(tenant_id, '') COLLATE "C", name COLLATE "C"
