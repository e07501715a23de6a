-- ?1: [ruling, …].  Of those that runs were removed from, the ones that no run is left of.
DELETE FROM rulings
WHERE seq IN (SELECT value FROM json_each(?1)) AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.ruling = rulings.seq)
