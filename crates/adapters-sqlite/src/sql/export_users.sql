-- ?1: [user]   ?2: limit
SELECT id, active FROM users WHERE id > ?1 ->> 0 ORDER BY id LIMIT ?2
