-- One scope a place:  $1: workspace  $2: counter  $3: nonce
INSERT INTO countersign.scopes (workspace_id, counter, nonce)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[])
ON CONFLICT DO NOTHING RETURNING workspace_id
