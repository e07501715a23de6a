-- A submission a place, as `countersign.queue_runs` takes it.
SELECT place, became, run, due
FROM countersign.queue_runs($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
