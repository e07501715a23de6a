-- One entry a place:  $1: number  $2: time  $3: who  $4: change  $5: revisions
WITH added AS (
    INSERT INTO countersign.authority_log (seq, at, actor, change, raised)
    OVERRIDING SYSTEM VALUE
    SELECT seq, at, actor, change::jsonb, raised::jsonb
    FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[])
         AS entry (seq, at, actor, change, raised)
    ON CONFLICT DO NOTHING RETURNING seq, raised
), scopes AS (
    INSERT INTO countersign.authority_log_scopes (workspace_id, seq)
    SELECT one ->> 'workspace', seq FROM added, jsonb_array_elements(raised) AS one
    ON CONFLICT DO NOTHING
)
SELECT seq FROM added
