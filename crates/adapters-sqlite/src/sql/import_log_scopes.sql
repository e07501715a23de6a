-- ?1: [number, …]
INSERT INTO authority_log_scopes (workspace_id, seq)
SELECT raised.value ->> 'workspace', authority_log.seq
FROM json_each(?1) AS added JOIN authority_log ON authority_log.seq = added.value,
     json_each(authority_log.raised) AS raised
WHERE true ON CONFLICT DO NOTHING
