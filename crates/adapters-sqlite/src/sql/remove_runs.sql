-- ?1: [run id, …], each of a completed run.
DELETE FROM runs WHERE id IN (SELECT value FROM json_each(?1)) AND status = 'completed'
RETURNING ruling
