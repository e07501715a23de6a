SELECT scopes.workspace_id, scopes.counter, scopes.nonce
FROM json_each(?1) JOIN scopes ON scopes.workspace_id = json_each.value
