-- Under the write lock, so that none comes into being in between. No upsert: that is an insert to the
-- trigger that keeps records from being replaced.
INSERT INTO scopes (workspace_id, counter, nonce)
SELECT DISTINCT value, 1, lower(hex(randomblob(16))) FROM json_each(?1)
WHERE NOT EXISTS (SELECT 1 FROM scopes WHERE scopes.workspace_id = json_each.value)
RETURNING workspace_id, counter, nonce
