SELECT connections.id, connections.tenant_id, connections.enabled
FROM connections JOIN tenants ON tenants.id = connections.tenant_id
WHERE tenants.workspace_id = ?1 AND (?2 IS NULL OR tenants.id = ?2) ORDER BY connections.id
