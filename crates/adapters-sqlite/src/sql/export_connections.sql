-- ?1: [connection]   ?2: limit
SELECT id, tenant_id, enabled FROM connections WHERE id > ?1 ->> 0 ORDER BY id LIMIT ?2
