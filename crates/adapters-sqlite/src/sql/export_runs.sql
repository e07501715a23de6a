, r.seq, r.put_off_until, r.lease_id, r.lease_expires_at,
    (SELECT max_attempts FROM rulings WHERE rulings.seq = r.ruling)
FROM runs AS r WHERE r.seq > ?1 ORDER BY r.seq LIMIT ?2
