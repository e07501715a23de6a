-- $1: {workspace, tenant or empty}   $2: limit
SELECT workspace_id, tenant_id, open, reason FROM countersign.fact_write_gates
WHERE (workspace_id COLLATE "C", coalesce(tenant_id, '') COLLATE "C") > ($1[1], $1[2])
ORDER BY workspace_id COLLATE "C", coalesce(tenant_id, '') COLLATE "C" LIMIT $2
