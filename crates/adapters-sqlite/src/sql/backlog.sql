-- ?1: queue name   ?2: [operation, …]   ?3: now
SELECT coalesce(sum(known AND due <= ?3), 0), coalesce(sum(known AND due > ?3), 0),
       coalesce(sum(NOT known), 0), (SELECT count(*) FROM runs WHERE status = 'running')
FROM (SELECT queue_name = ?1 AND operation_type IN (SELECT value FROM json_each(?2)) AS known,
             max(due_at, put_off_until) AS due
      FROM runs WHERE status = 'queued')
