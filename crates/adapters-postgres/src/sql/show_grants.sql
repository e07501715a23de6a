SELECT user_id, workspace_id, tenant_id, role, expires_at FROM countersign.fact_grants
WHERE workspace_id = $1 AND ($2::text IS NULL OR tenant_id IS NULL OR tenant_id = $2)
  AND ($3::text IS NULL OR user_id = $3)
ORDER BY user_id COLLATE "C", coalesce(tenant_id, '') COLLATE "C", role COLLATE "C"
