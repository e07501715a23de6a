-- Takes away what `close.sql` made.
DROP TRIGGER IF EXISTS closed_runs_are_not_queued;
DROP TRIGGER IF EXISTS closed_runs_stay_queued;
DROP TRIGGER IF EXISTS closed_runs_are_not_deleted;
DROP TRIGGER IF EXISTS closed_scopes_are_not_made;
DROP TRIGGER IF EXISTS closed_scopes_are_not_raised;
DROP TRIGGER IF EXISTS closed_authority_is_not_changed;
