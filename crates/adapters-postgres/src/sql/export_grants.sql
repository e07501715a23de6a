-- $1: {user, workspace, tenant or empty, role}   $2: limit
SELECT user_id, workspace_id, tenant_id, role, expires_at FROM countersign.fact_grants
WHERE (user_id COLLATE "C", workspace_id COLLATE "C", coalesce(tenant_id, '') COLLATE "C", role COLLATE "C")
    > ($1[1], $1[2], $1[3], $1[4])
ORDER BY user_id COLLATE "C", workspace_id COLLATE "C", coalesce(tenant_id, '') COLLATE "C", role COLLATE "C"
LIMIT $2
