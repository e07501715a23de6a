-- $1: at most so many
DELETE FROM countersign.rulings WHERE seq = ANY (ARRAY(
    SELECT seq FROM countersign.rulings AS r
    WHERE NOT EXISTS (SELECT 1 FROM countersign.run_states AS s WHERE s.ruling = r.seq) LIMIT $1))
