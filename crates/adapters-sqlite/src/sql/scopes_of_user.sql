SELECT DISTINCT workspace_id FROM grants WHERE user_id = ?1
