SELECT status, outcome, workspace_id, tenant_id, operation_type, unique_key FROM runs WHERE id = ?1
