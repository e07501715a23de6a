-- $1: workspaces  $2: the store's id. Locks their scopes together with other starts, in id order, but for those
-- that somebody changes or waits to change; none where the store has lost its marker. Each row is told once its
-- lock is held, so that the latest clock is one at which all of them were.
WITH wanted AS MATERIALIZED (
    SELECT workspace FROM unnest($1::text[]) AS workspace
    WHERE (countersign.announcement(workspace) IN (SELECT countersign.announced())) IS NOT TRUE
      AND EXISTS (SELECT 1 FROM countersign.store WHERE one AND id = $2)
), locked AS MATERIALIZED (
    SELECT workspace_id, counter, nonce FROM countersign.scopes
    WHERE workspace_id = ANY (ARRAY(SELECT workspace FROM wanted))
    ORDER BY workspace_id FOR SHARE SKIP LOCKED
)
SELECT workspace_id, counter, nonce, clock_timestamp() FROM locked
