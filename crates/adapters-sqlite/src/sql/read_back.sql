SELECT runs.id, runs.status, runs.decision_id, runs.started_at
FROM json_each(?1) JOIN runs ON runs.id = json_each.value
