SELECT count(*) FROM (SELECT DISTINCT workspace_id FROM countersign.authority_log_scopes) AS raised
WHERE NOT EXISTS (SELECT 1 FROM countersign.scopes WHERE scopes.workspace_id = raised.workspace_id)
