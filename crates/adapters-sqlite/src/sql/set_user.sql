INSERT INTO users (id, active) VALUES (?1, ?2)
ON CONFLICT (id) DO UPDATE SET active = excluded.active
