-- Each row binds one tuple; see `begin.sql`. The records of runs that are still queued, before the runs.
INSERT INTO decisions (run, decision_id, record)
SELECT runs.seq, start.decision_id, start.record
FROM (SELECT column1 AS id, column2 AS workspace_id, column3 AS decision_id, column4 AS record
      FROM (VALUES {rows})) AS start
JOIN runs ON runs.id = start.id
WHERE runs.workspace_id = start.workspace_id AND runs.status = 'queued'
ORDER BY runs.seq
