-- $1: queue name   $2: operations
SELECT count(*) FILTER (WHERE known AND due <= now), count(*) FILTER (WHERE known AND due > now),
       count(*) FILTER (WHERE NOT known),
       (SELECT count(*) FROM countersign.run_states WHERE status = 'running')
FROM (SELECT r.queue_name = $1 AND r.operation_type = ANY ($2) AS known,
             greatest(r.due_at, s.put_off_until) AS due, clock.now
      FROM countersign.run_states AS s JOIN countersign.runs AS r ON r.id = s.id,
           (SELECT clock_timestamp() AS now) AS clock
      WHERE s.status = 'queued') AS queued
