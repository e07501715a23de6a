INSERT INTO countersign.scopes (workspace_id, counter, nonce)
SELECT DISTINCT workspace COLLATE "C", 1, countersign.fresh_nonce() FROM unnest($1::text[]) AS workspace
ORDER BY 1
ON CONFLICT DO NOTHING
