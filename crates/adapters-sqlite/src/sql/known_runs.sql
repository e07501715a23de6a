-- ?1: [run id, …]
SELECT id FROM runs WHERE id IN (SELECT value FROM json_each(?1))
