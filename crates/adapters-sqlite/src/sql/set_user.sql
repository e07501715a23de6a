-- ?3: whether what is there already is written over.
INSERT INTO users (id, active) VALUES (?1, ?2)
ON CONFLICT (id) DO UPDATE SET active = excluded.active
WHERE ?3
