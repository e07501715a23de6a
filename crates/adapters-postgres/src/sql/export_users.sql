-- $1: {user}   $2: limit
SELECT id, active FROM countersign.fact_users
WHERE id COLLATE "C" > $1[1] ORDER BY id COLLATE "C" LIMIT $2
