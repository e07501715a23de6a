-- $1: runs
SELECT id FROM countersign.runs WHERE id = ANY ($1)
