SELECT seq, at, actor, change::text, raised::text FROM countersign.authority_log
WHERE seq > $1 ORDER BY seq LIMIT $2
