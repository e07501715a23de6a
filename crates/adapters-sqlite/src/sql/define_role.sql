-- ?4: whether what is there already is written over.
INSERT INTO roles (role, capabilities, all_tenants) VALUES (?1, ?2, ?3)
ON CONFLICT (role) DO UPDATE SET capabilities = excluded.capabilities, all_tenants = excluded.all_tenants
WHERE ?4
