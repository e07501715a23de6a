UPDATE runs SET undecided_since = NULL, put_off_until = 0
WHERE id IN (SELECT value FROM json_each(?1)) AND status = 'queued' AND undecided_since IS NOT NULL
