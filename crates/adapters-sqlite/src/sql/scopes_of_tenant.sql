SELECT workspace_id FROM tenants WHERE id = ?1
