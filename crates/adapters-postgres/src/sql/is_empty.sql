-- A fact that is read from a table of the team's own could not be moved in.
SELECT NOT EXISTS (SELECT 1 FROM countersign.runs)               AND NOT EXISTS (SELECT 1 FROM countersign.scopes)
   AND NOT EXISTS (SELECT 1 FROM countersign.authority_log)      AND NOT EXISTS (SELECT 1 FROM countersign.fact_sources)
   AND NOT EXISTS (SELECT 1 FROM countersign.fact_roles)         AND NOT EXISTS (SELECT 1 FROM countersign.fact_workspaces)
   AND NOT EXISTS (SELECT 1 FROM countersign.fact_tenants)       AND NOT EXISTS (SELECT 1 FROM countersign.fact_users)
   AND NOT EXISTS (SELECT 1 FROM countersign.fact_grants)        AND NOT EXISTS (SELECT 1 FROM countersign.fact_connections)
   AND NOT EXISTS (SELECT 1 FROM countersign.fact_write_gates)   AND NOT EXISTS (SELECT 1 FROM countersign.fact_prerequisites)
