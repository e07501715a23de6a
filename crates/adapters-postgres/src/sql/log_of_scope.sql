SELECT l.seq, l.at, l.actor, l.change::text, l.raised::text
FROM countersign.authority_log_scopes AS s JOIN countersign.authority_log AS l ON l.seq = s.seq
WHERE s.seq < $1 AND s.workspace_id = $3 ORDER BY s.seq DESC LIMIT $2
