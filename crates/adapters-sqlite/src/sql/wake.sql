-- Entries whose time has come become ready, the earliest first and a bounded number at a time.
UPDATE queue SET ready = 1
WHERE seq IN (SELECT seq FROM queue WHERE ready = 0 AND visible_at <= ?1
              ORDER BY visible_at LIMIT ?2)
