SELECT id, active FROM countersign.fact_users
WHERE id IN (SELECT user_id FROM countersign.fact_grants
             WHERE workspace_id = $1 AND ($2::text IS NULL OR tenant_id IS NULL OR tenant_id = $2))
  AND ($3::text IS NULL OR id = $3)
ORDER BY id COLLATE "C"
