-- ?1: [entry, …], chosen under the same write lock   ?2: visible again at
UPDATE queue SET ready = 0, visible_at = ?2, deliveries = deliveries + 1
WHERE seq IN (SELECT value FROM json_each(?1))
