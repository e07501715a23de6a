SELECT id FROM runs
WHERE workspace_id = ?1 AND tenant_id = ?2 AND operation_type = ?3 AND unique_key = ?4
  AND unique_key IS NOT NULL AND status <> 'completed'
