SELECT runs.id, runs.undecided_since
FROM json_each(?1) JOIN runs ON runs.id = json_each.value
WHERE runs.status = 'queued'
