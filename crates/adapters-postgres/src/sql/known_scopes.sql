SELECT workspace_id FROM countersign.scopes WHERE workspace_id = ANY ($1)
