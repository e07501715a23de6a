-- $1: {connection}   $2: limit
SELECT id, tenant_id, enabled FROM countersign.fact_connections
WHERE id COLLATE "C" > $1[1] ORDER BY id COLLATE "C" LIMIT $2
