-- ?4: whether what is there already is written over.
INSERT INTO tenants (id, workspace_id, lifecycle) VALUES (?1, ?2, ?3)
ON CONFLICT (id) DO UPDATE SET workspace_id = excluded.workspace_id, lifecycle = excluded.lifecycle
WHERE ?4
