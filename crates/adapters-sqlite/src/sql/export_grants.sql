-- ?1: [user, workspace, tenant or empty, role]   ?2: limit
SELECT user_id, workspace_id, tenant_id, role, expires_at FROM grants
WHERE (user_id, workspace_id, tenant_id, role) > (?1 ->> 0, ?1 ->> 1, ?1 ->> 2, ?1 ->> 3)
ORDER BY user_id, workspace_id, tenant_id, role LIMIT ?2
