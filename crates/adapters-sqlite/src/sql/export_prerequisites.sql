-- ?1: [workspace, tenant or empty, name]   ?2: limit
SELECT workspace_id, tenant_id, name, met FROM prerequisites
WHERE (workspace_id, tenant_id, name) > (?1 ->> 0, ?1 ->> 1, ?1 ->> 2)
ORDER BY workspace_id, tenant_id, name LIMIT ?2
