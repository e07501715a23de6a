-- $1: workspace  $2: tenant, or null  $3: user, or null: the same for every part of what is shown
SELECT role, capabilities, all_tenants FROM countersign.fact_roles
WHERE role IN (SELECT role FROM countersign.fact_grants
               WHERE workspace_id = $1 AND ($2::text IS NULL OR tenant_id IS NULL OR tenant_id = $2)
                 AND ($3::text IS NULL OR user_id = $3))
ORDER BY role COLLATE "C"
