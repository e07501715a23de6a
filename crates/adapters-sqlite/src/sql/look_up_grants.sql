SELECT query.key, grants.tenant_id, grants.role, grants.expires_at
FROM json_each(?1) AS query
JOIN grants ON grants.user_id = query.value ->> 2 AND grants.workspace_id = query.value ->> 0
           AND grants.tenant_id IN ('', query.value ->> 1)
