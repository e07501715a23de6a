-- ?1: [[id, message, since], …]   ?2: now
UPDATE runs
SET status = 'completed', outcome = 'failed', completed_at = ?2, undecided_since = value ->> 2,
    failure_code = 'authority_unavailable', failure_message = value ->> 1
FROM json_each(?1) WHERE runs.id = value ->> 0 AND runs.status = 'queued'
