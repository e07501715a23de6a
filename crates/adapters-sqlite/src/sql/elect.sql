INSERT INTO offices (office, holder, expires_at) VALUES (?1, ?2, ?3)
ON CONFLICT (office) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE offices.holder = excluded.holder OR offices.expires_at <= ?4
