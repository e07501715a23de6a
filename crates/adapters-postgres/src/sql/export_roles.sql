-- $1: {role}   $2: limit
SELECT role, capabilities, all_tenants FROM countersign.fact_roles
WHERE role COLLATE "C" > $1[1] ORDER BY role COLLATE "C" LIMIT $2
