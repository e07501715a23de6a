SELECT workspace_id, tenant_id, name, met FROM prerequisites
WHERE workspace_id = ?1 AND (?2 IS NULL OR tenant_id IN ('', ?2)) ORDER BY tenant_id, name
