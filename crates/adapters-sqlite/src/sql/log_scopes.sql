INSERT INTO authority_log_scopes (workspace_id, seq) SELECT value, ?2 FROM json_each(?1)
