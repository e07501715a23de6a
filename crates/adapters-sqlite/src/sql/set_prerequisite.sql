-- ?5: whether what is there already is written over.
INSERT INTO prerequisites (workspace_id, tenant_id, name, met) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (workspace_id, tenant_id, name) DO UPDATE SET met = excluded.met
WHERE ?5
