SELECT EXISTS (SELECT 1 FROM queue INDEXED BY queue_ready WHERE ready = 1)
    OR EXISTS (SELECT 1 FROM queue INDEXED BY queue_waiting WHERE ready = 0 AND visible_at <= ?1)
