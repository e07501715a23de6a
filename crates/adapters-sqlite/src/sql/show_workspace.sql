SELECT id, active FROM workspaces WHERE id = ?1
