-- ?1: [workspace]   ?2: limit
SELECT id, active FROM workspaces WHERE id > ?1 ->> 0 ORDER BY id LIMIT ?2
