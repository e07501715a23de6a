-- $1: workspaces  $2: the store's id. Those that have a scope, and whether somebody waits to change it.
SELECT workspace_id, (countersign.announcement(workspace_id) IN (SELECT countersign.announced())) IS TRUE
FROM countersign.scopes
WHERE workspace_id = ANY ($1) AND EXISTS (SELECT 1 FROM countersign.store WHERE one AND id = $2)
