INSERT INTO scopes (workspace_id, counter, nonce)
SELECT value, 1, lower(hex(randomblob(16))) FROM json_each(?1) WHERE true
ON CONFLICT (workspace_id) DO NOTHING
