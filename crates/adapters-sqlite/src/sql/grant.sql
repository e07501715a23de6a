-- ?6: whether what is there already is written over.
INSERT INTO grants (user_id, workspace_id, tenant_id, role, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (user_id, workspace_id, tenant_id, role) DO UPDATE SET expires_at = excluded.expires_at
WHERE ?6
