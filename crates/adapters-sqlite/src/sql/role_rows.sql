SELECT role, capabilities, all_tenants FROM roles WHERE role IN (SELECT value FROM json_each(?1))
