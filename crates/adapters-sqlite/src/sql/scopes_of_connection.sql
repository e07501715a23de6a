-- ?1: the connection   ?2: the tenant that it moves to
SELECT tenants.workspace_id FROM tenants
WHERE tenants.id = ?2 OR tenants.id = (SELECT tenant_id FROM connections WHERE id = ?1)
