-- $1: workspaces  $2: the store's id
SELECT workspace_id FROM countersign.scopes
WHERE workspace_id = ANY ($1) AND EXISTS (SELECT 1 FROM countersign.store WHERE one AND id = $2)
