-- ?1: [[id, since, until], …]: the entries of runs that were put off wait as long.
UPDATE queue SET ready = 0, visible_at = value ->> 2
FROM json_each(?1) WHERE queue.run_id = value ->> 0
