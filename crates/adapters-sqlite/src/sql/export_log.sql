SELECT seq, at, actor, change, raised FROM authority_log WHERE seq > ?1 ORDER BY seq LIMIT ?2
