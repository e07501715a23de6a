-- Switches on the guards of a store that is not open. Each waits for the transactions that write to its table.
ALTER TABLE countersign.run_states
    ENABLE ALWAYS TRIGGER closed_runs_are_not_queued,
    ENABLE ALWAYS TRIGGER closed_runs_stay_queued,
    ENABLE ALWAYS TRIGGER closed_runs_are_not_deleted;
ALTER TABLE countersign.scopes ENABLE ALWAYS TRIGGER closed_scopes_are_not_raised;
ALTER TABLE countersign.authority_log ENABLE ALWAYS TRIGGER closed_authority_is_not_changed;
