-- ?1: as in `begin.sql`: the runs that were moved by the decisions named there.
SELECT runs.id FROM json_each(?1) AS start JOIN runs ON runs.id = substr(start.value, 1, 36)
WHERE runs.decision_id = substr(start.value, 37, 36)
