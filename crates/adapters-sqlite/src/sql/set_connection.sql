-- ?4: whether what is there already is written over.
INSERT INTO connections (id, tenant_id, enabled) VALUES (?1, ?2, ?3)
ON CONFLICT (id) DO UPDATE SET tenant_id = excluded.tenant_id, enabled = excluded.enabled
WHERE ?4
