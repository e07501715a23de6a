-- $1: workspaces, each of which somebody changes.
WITH locked AS MATERIALIZED (
    SELECT workspace_id, counter, nonce FROM countersign.scopes
    WHERE workspace_id = ANY ($1) ORDER BY workspace_id FOR SHARE
)
SELECT workspace_id, counter, nonce, clock_timestamp() FROM locked
