-- $1: {workspace, tenant or empty, name}   $2: limit
SELECT workspace_id, tenant_id, name, met FROM countersign.fact_prerequisites
WHERE (workspace_id COLLATE "C", coalesce(tenant_id, '') COLLATE "C", name COLLATE "C") > ($1[1], $1[2], $1[3])
ORDER BY workspace_id COLLATE "C", coalesce(tenant_id, '') COLLATE "C", name COLLATE "C" LIMIT $2
