LOCK TABLE countersign.run_states, countersign.scopes, countersign.authority_log IN ROW EXCLUSIVE MODE
