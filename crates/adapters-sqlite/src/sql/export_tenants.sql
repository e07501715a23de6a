-- ?1: [tenant]   ?2: limit
SELECT id, workspace_id, lifecycle FROM tenants WHERE id > ?1 ->> 0 ORDER BY id LIMIT ?2
