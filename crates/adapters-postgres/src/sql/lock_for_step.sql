-- Waits for every transaction that writes to these tables. In this order everybody takes them, and only then the
-- row of `home`: so does whoever is refused by a guard, which locks that row.
LOCK TABLE countersign.run_states, countersign.scopes, countersign.authority_log IN SHARE ROW EXCLUSIVE MODE
