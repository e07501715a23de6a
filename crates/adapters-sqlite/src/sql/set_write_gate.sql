-- ?5: whether what is there already is written over.
INSERT INTO write_gates (workspace_id, tenant_id, open, reason) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (workspace_id, tenant_id) DO UPDATE SET open = excluded.open, reason = excluded.reason
WHERE ?5
