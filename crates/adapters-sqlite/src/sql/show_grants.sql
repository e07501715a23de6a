SELECT user_id, workspace_id, tenant_id, role, expires_at FROM grants
WHERE workspace_id = ?1 AND (?2 IS NULL OR tenant_id IN ('', ?2)) AND (?3 IS NULL OR user_id = ?3)
ORDER BY user_id, tenant_id, role
