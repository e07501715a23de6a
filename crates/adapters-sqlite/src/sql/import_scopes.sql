-- ?1: [[workspace, counter, nonce], …]
INSERT INTO scopes (workspace_id, counter, nonce)
SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)
WHERE NOT EXISTS (SELECT 1 FROM scopes WHERE scopes.workspace_id = value ->> 0)
RETURNING workspace_id
