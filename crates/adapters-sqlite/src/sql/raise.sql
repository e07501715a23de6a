UPDATE scopes SET counter = counter + 1, nonce = lower(hex(randomblob(16)))
WHERE workspace_id IN (SELECT value FROM json_each(?1))
RETURNING workspace_id, counter, nonce
