DELETE FROM grants WHERE user_id = ?1 AND workspace_id = ?2 AND tenant_id = ?3 AND role = ?4
