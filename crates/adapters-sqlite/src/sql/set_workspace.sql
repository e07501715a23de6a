INSERT INTO workspaces (id, active) VALUES (?1, ?2)
ON CONFLICT (id) DO UPDATE SET active = excluded.active
