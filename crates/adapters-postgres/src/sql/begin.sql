-- $1: the store's id. Rulings and starts as `countersign.begin_runs` takes them.
SELECT at, held, busy, still_queued, unmoved, upto::bigint
FROM countersign.begin_runs($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
