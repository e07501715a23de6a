, wanted.key
FROM json_each(?1) AS wanted
JOIN runs AS r ON r.id = wanted.value
