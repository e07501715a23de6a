SELECT DISTINCT workspace_id FROM grants WHERE role = ?1
