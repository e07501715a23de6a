SELECT role, capabilities, all_tenants FROM roles
WHERE role IN (SELECT role FROM grants
               WHERE workspace_id = ?1 AND (?2 IS NULL OR tenant_id IN ('', ?2))
                 AND (?3 IS NULL OR user_id = ?3))
ORDER BY role
