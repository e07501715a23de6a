SELECT EXISTS (SELECT 1 FROM queue WHERE ready = 0 AND visible_at <= ?1)
