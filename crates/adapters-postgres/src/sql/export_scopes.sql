SELECT workspace_id, counter, nonce FROM countersign.scopes WHERE workspace_id > $1 ORDER BY workspace_id LIMIT $2
