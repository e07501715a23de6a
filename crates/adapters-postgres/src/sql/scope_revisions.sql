SELECT workspace_id, counter, nonce FROM countersign.scopes WHERE workspace_id = ANY ($1)
