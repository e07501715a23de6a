SELECT workspace_id, tenant_id, open, reason FROM write_gates
WHERE workspace_id = ?1 AND (?2 IS NULL OR tenant_id IN ('', ?2)) ORDER BY tenant_id
