-- Entries whose time has come become ready, the earliest first and a bounded number at a time.
UPDATE countersign.queue SET ready = true, claimed_until = '-infinity'
WHERE run_id = ANY (ARRAY(
    SELECT run_id FROM countersign.queue WHERE NOT ready AND visible_at <= (SELECT clock_timestamp())
    ORDER BY visible_at LIMIT $1 FOR UPDATE SKIP LOCKED))
