INSERT INTO countersign.store (one, id, created_at) VALUES (true, $1, clock_timestamp()) ON CONFLICT DO NOTHING
