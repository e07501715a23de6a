SELECT workspace_id, tenant_id, open, reason FROM countersign.fact_write_gates
WHERE workspace_id = $1 AND ($2::text IS NULL OR tenant_id IS NULL OR tenant_id = $2)
  AND ($3::text IS NULL OR true)
ORDER BY coalesce(tenant_id, '') COLLATE "C"
