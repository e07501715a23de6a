-- The guards of a store that is not open. They are made in the transaction that closes it, so that an open
-- store pays nothing for them; `{refusal}` is what they say, as a quoted text.
CREATE TRIGGER closed_runs_are_not_queued BEFORE INSERT ON runs
-- The automatic successor of a run that ends is queued in the commit that completes it, at the same time.
WHEN (SELECT importing FROM home) = 0
 AND NOT (NEW.status = 'queued' AND NEW.requested_by IS NULL AND EXISTS
     (SELECT 1 FROM runs WHERE id = NEW.retry_of AND started_at IS NOT NULL AND completed_at = NEW.queued_at))
BEGIN SELECT RAISE(ABORT, {refusal}); END;

CREATE TRIGGER closed_runs_stay_queued BEFORE UPDATE ON runs
WHEN OLD.status = 'queued'
BEGIN SELECT RAISE(ABORT, {refusal}); END;

CREATE TRIGGER closed_runs_are_not_deleted BEFORE DELETE ON runs
BEGIN SELECT RAISE(ABORT, {refusal}); END;

CREATE TRIGGER closed_scopes_are_not_made BEFORE INSERT ON scopes
WHEN (SELECT importing FROM home) = 0
BEGIN SELECT RAISE(ABORT, {refusal}); END;

CREATE TRIGGER closed_scopes_are_not_raised BEFORE UPDATE ON scopes
BEGIN SELECT RAISE(ABORT, {refusal}); END;

CREATE TRIGGER closed_authority_is_not_changed BEFORE INSERT ON authority_log
WHEN (SELECT importing FROM home) = 0
BEGIN SELECT RAISE(ABORT, {refusal}); END;
