INSERT INTO authority_log (at, actor, change, raised) VALUES (?1, ?2, ?3, ?4) RETURNING seq
