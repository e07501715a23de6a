-- ?1: [workspace, tenant or empty]   ?2: limit
SELECT workspace_id, tenant_id, open, reason FROM write_gates
WHERE (workspace_id, tenant_id) > (?1 ->> 0, ?1 ->> 1) ORDER BY workspace_id, tenant_id LIMIT ?2
