SELECT (SELECT count(*)
        FROM (SELECT DISTINCT workspace_id FROM authority_log_scopes) AS raised
        WHERE NOT EXISTS (SELECT 1 FROM scopes WHERE scopes.workspace_id = raised.workspace_id))
     + (SELECT count(*) FROM scopes
        WHERE counter < 1 OR length(nonce) <> 32 OR nonce GLOB '*[^0-9a-f]*')
