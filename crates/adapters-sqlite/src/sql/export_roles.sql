-- ?1: [role]   ?2: limit
SELECT role, capabilities, all_tenants FROM roles WHERE role > ?1 ->> 0 ORDER BY role LIMIT ?2
