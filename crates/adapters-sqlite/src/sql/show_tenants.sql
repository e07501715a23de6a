SELECT id, workspace_id, lifecycle FROM tenants
WHERE workspace_id = ?1 AND (?2 IS NULL OR id = ?2) ORDER BY id
