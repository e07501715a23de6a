SELECT runs.id, runs.attempt < rulings.max_attempts
FROM runs JOIN rulings ON rulings.seq = runs.ruling
WHERE runs.status = 'running' AND runs.lease_expires_at <= ?1
ORDER BY runs.lease_expires_at LIMIT ?2
