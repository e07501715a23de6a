-- ?1: [[id, since, until], …]
UPDATE runs SET undecided_since = value ->> 1, put_off_until = value ->> 2
FROM json_each(?1) WHERE runs.id = value ->> 0 AND runs.status = 'queued'
