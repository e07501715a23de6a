SELECT role, capabilities, all_tenants FROM countersign.fact_roles WHERE role = ANY ($1)
