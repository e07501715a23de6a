-- ?1: [[workspace, tenant, initiator or null, connection or null], …]: one row a query.
-- Each fact is read with a flag that says whether its record exists at all.
SELECT query.key,
       workspaces.active,
       users.active,
       tenants.workspace_id, tenants.lifecycle,
       connections.tenant_id, connections.enabled,
       own.open, own.reason,
       narrow.open, narrow.reason
FROM json_each(?1) AS query
LEFT JOIN workspaces  ON workspaces.id  = query.value ->> 0
LEFT JOIN users       ON users.id       = query.value ->> 2
LEFT JOIN tenants     ON tenants.id     = query.value ->> 1
LEFT JOIN connections ON connections.id = query.value ->> 3
LEFT JOIN write_gates AS own    ON own.workspace_id = query.value ->> 0 AND own.tenant_id = ''
LEFT JOIN write_gates AS narrow ON narrow.workspace_id = query.value ->> 0
                               AND narrow.tenant_id = query.value ->> 1
ORDER BY query.key
