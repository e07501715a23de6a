-- ?1: [[number, time, actor or null, change, revisions], …]
INSERT INTO authority_log (seq, at, actor, change, raised)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1)
WHERE NOT EXISTS (SELECT 1 FROM authority_log WHERE seq = value ->> 0)
RETURNING seq
